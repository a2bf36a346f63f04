#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Does an unprivileged caller get objects of slabs that came from below the
# watermarks, or from a reserve?
#
#	slab-apart.sh [--ops N]
#
# Runs one module, tests/modules/slab_apart_kunit.c, in a guest of each kernel.
# Unmodified Linux must show the hole, as otherwise the test proves nothing,
# and ours must show none.  Prints both counts side by side.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
	say "usage: scripts/slab-apart.sh [--ops N]" >&2
	exit 2
}

ops=10000000
case ${1:-} in
'') ;;
--ops)
	ops=${2:-}
	[[ $# == 2 && $ops =~ ^[1-9][0-9]{0,9}$ ]] || usage
	;;
*) usage ;;
esac

rig=$ROOT/tests/swap-over-nbd/rig
cases=(hole_small hole_churn)
declare -A leaks=() of=()
mkdir -p "$BUILD/logs"

for label in unmodified reserve; do
	"$ROOT/scripts/modules.sh" "$label"
done

# run LABEL: the counts go to leaks[] and of[], the status to $status
run() {
	local label=$1 log=$BUILD/logs/slab-apart-$1.log c line
	status=0
	"$rig" module --kernel "$label=$BUILD/kernels/$label" --cpus 4 --mem 256 \
		--timeout 1500 --knob /proc/sys/vm/min_free_kbytes=8192 \
		--param "ops=$ops" "$BUILD/modules/$label/slab_apart_kunit.ko" \
		>"$log" 2>&1 </dev/null || status=$?
	((status < 2)) || { tail -n 1 "$log" >&2; die "the $label guest did not start"; }
	for c in "${cases[@]}"; do
		line=$(grep -oP "^slab_apart: $c leaks: \K.*" "$log") || line=
		leaks[$label-$c]=${line%% *}
		of[$label-$c]=$(grep -oP 'of \K[0-9]+' <<<"$line") || true
	done
}

start=$SECONDS
run unmodified
say "slab-apart: unmodified done after $(elapsed $((SECONDS - start)))"
start=$SECONDS
run reserve
clean=$status
((clean == 0)) || grep -E '^# failed: |^ *# .*EXPECTATION FAILED|Expected ' "$BUILD/logs/slab-apart-reserve.log" |
	sort -u | head -n 8 || true
say "slab-apart: reserve done after $(elapsed $((SECONDS - start)))"
say
printf '%-12s %12s %12s %12s %12s\n' "" unmodified of ours of
for c in "${cases[@]}"; do
	printf '%-12s %12s %12s %12s %12s\n' "$c" "${leaks[unmodified-$c]:--}" "${of[unmodified-$c]:--}" \
		"${leaks[reserve-$c]:--}" "${of[reserve-$c]:--}"
done
say
for c in "${cases[@]}"; do
	check_that "$c leaks on the unmodified kernel" [ "${leaks[unmodified-$c]:-0}" -gt 0 ]
	check_that "$c does not leak on ours" [ "${leaks[reserve-$c]:-none}" = 0 ]
done
check_that "$ops operations on ours" [ "${of[reserve-hole_churn]:-0}" -ge "$ops" ]
check_that "all tests pass on ours; see $(rel "$BUILD/logs/slab-apart-reserve.log")" [ "$clean" = 0 ]
say "$passed passed, $failed failed"
((failed == 0))
