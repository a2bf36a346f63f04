#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What does it cost to allocate, receive and send a packet, without pressure?
#
#	net-cost.sh
#
# Runs one module, tests/modules/net_cost.c, in a guest of each kernel whose
# clock counts instructions: unmodified, ours with no SOCK_MEMALLOC socket, and
# both with one.  Prints the instructions for a packet and the ratios, and fails
# where ours takes more than half a per cent more.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

[[ $# == 0 ]] || {
	say "usage: scripts/net-cost.sh" >&2
	exit 2
}

rig=$ROOT/tests/swap-over-nbd/rig
declare -A cost=()
cases=()
mkdir -p "$BUILD/logs"

# run LABEL CONNECTED: the figures go to cost[LABEL-STATE-CASE]
run() {
	local label=$1 log=$BUILD/logs/net-cost-$1-$2.log state name cycles
	"$rig" module --kernel "$label=$BUILD/kernels/$label" --icount --mem 256 \
		--timeout 600 --param "connected=$2" --out "$BUILD/runs/net-cost-$2" \
		"$BUILD/modules/$label/net_cost.ko" >"$log" 2>&1 </dev/null || {
		tail -n 3 "$log" >&2
		die "the $label guest failed, see $(rel "$log")"
	}
	while read -r state name cycles; do
		cost[$label-$state-$name]=$cycles
		[[ $label-$state != unmodified-idle ]] || cases+=("$name")
	done < <(grep -oP '^net_cost: \K.*' "$log")
}

for label in unmodified reserve; do
	"$ROOT/scripts/modules.sh" "$label" >/dev/null
	run "$label" 0
	run "$label" 1
done

# ratio CASE STATE
ratio() {
	awk -v a="${cost[reserve-$2-$1]:-0}" -v b="${cost[unmodified-$2-$1]:-0}" \
		'BEGIN { if (a && b) printf "%.4f", a / b; else print "-" }'
}

printf '%-22s %12s %9s %12s %9s\n' "instructions" "idle" "ratio" "connected" "ratio"
for c in "${cases[@]}"; do
	printf '%-22s %12s %9s %12s %9s\n' "$c" \
		"$(awk -v n="${cost[reserve-idle-$c]:-0}" 'BEGIN { printf "%.1f", n / 1000 }')" "$(ratio "$c" idle)" \
		"$(awk -v n="${cost[reserve-connected-$c]:-0}" 'BEGIN { printf "%.1f", n / 1000 }')" \
		"$(ratio "$c" connected)"
done
say
for c in "${cases[@]}"; do
	for state in idle connected; do
		r=$(ratio "$c" "$state")
		check_that "$c, $state: ratio $r is at most 1.005" \
			awk -v r="$r" 'BEGIN { exit !(r != "-" && r > 0.5 && r <= 1.005) }'
	done
done
say "$passed passed, $failed failed"
((failed == 0))
