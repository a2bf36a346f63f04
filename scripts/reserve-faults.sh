#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A million random operations on reserves while slab and page allocations fail:
#
#	reserve-faults.sh [--ops N] [debug|rt|coverage]
#
# Runs tests/modules/reserve_faults_kunit.c in a guest of the debug kernel, of
# that with PREEMPT_RT or of that which counts what runs, of four CPUs and two
# nodes, under lockdep, with failslab and fail_page_alloc on. Where there is
# kmemleak it looks twice afterwards: it reports what has been lost for some
# seconds.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
	say "usage: scripts/reserve-faults.sh [--ops N] [debug|rt|coverage]" >&2
	exit 2
}

ops=1000000
if [[ ${1:-} == --ops ]]; then
	ops=${2:-}
	[[ $ops =~ ^[1-9][0-9]{0,9}$ ]] || usage
	shift 2
fi
label=${1:-debug}
[[ $# -le 1 && $label =~ ^(debug|rt|coverage)$ ]] || usage

debugfs=/sys/kernel/debug
log=$BUILD/logs/reserve-faults-$label.log
"$ROOT/scripts/modules.sh" "$label"

# half of all allocations that may not wait fail, of any order
knobs=()
for f in failslab fail_page_alloc; do
	knobs+=(--knob "$debugfs/$f/probability=50" --knob "$debugfs/$f/times=-1" --knob "$debugfs/$f/verbose=0")
done
knobs+=(--knob "$debugfs/fail_page_alloc/min-order=0")
after=()
for f in failslab fail_page_alloc; do
	after+=(--after "$debugfs/$f/probability=0")
done
[[ $label == rt ]] ||
	after+=(--after "$debugfs/kmemleak=scan" --after "$debugfs/kmemleak=scan" --settle 7 --cat "$debugfs/kmemleak")

append=numa=fake=2
out=()
# Its own tests have run elsewhere, and what this run counts is kept.
[[ $label != coverage ]] || {
	append+=" kunit.filter_glob=reserve_faults*"
	out=(--out "$BUILD/coverage/faults")
}

status=0
"$ROOT/tests/swap-over-nbd/rig" module --kernel "$label=$BUILD/kernels/$label" --cpus 4 --mem 384 \
	--timeout 1500 --param "ops=$ops" --append "$append" "${out[@]}" "${knobs[@]}" "${after[@]}" \
	"$BUILD/modules/$label/reserve_faults_kunit.ko" >"$log" 2>&1 </dev/null || status=$?
((status < 2)) || { tail -n 1 "$log" >&2; die "the $label guest did not start"; }

done_ops=$(grep -oP 'operations: \K[0-9]+' "$log" | awk '{ n += $1 } END { print n + 0 }')
drawn=$(grep -oP 'of the reserve: \K[0-9]+' "$log" | awk '{ n += $1 } END { print n + 0 }')
refused=$(grep -oP 'refused: \K[0-9]+' "$log" | awk '{ n += $1 } END { print n + 0 }')
say "operations: $done_ops, of the reserve: $drawn, refused: $refused"
((status == 0)) || grep -E '^# failed: |EXPECTATION FAILED|Expected ' "$log" | sort -u | head -n 8 || true
check_that "$ops operations" [ "$done_ops" -ge "$ops" ]
check_that "all tests pass, nothing is reported; see $(rel "$log")" [ "$status" = 0 ]
adversary=$(grep -oP 'adversary on \K.*' "$log") || adversary="none"
say "adversary: $adversary"
leaks=$(grep -c 'unreferenced object' "$log") || leaks=0
[[ $label == rt ]] || check_that "kmemleak is silent" [ "$leaks" = 0 ]
say "$passed passed, $failed failed"
((failed == 0))
