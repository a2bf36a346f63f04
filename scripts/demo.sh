#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Unmodified Linux and ours under the same memory pressure, with swap on the
# network and a flood: what 'make demo' runs.  SEEDS=n repeats it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

SEEDS=${SEEDS:-1}
[[ $SEEDS =~ ^[1-9][0-9]*$ ]] || die "SEEDS is a number from 1 on, not '$SEEDS'"
scripts=$(dirname "$0")
rig=$ROOT/tests/swap-over-nbd/rig
out=$BUILD/demo

start=$SECONDS
"$scripts/deps.sh"
"$scripts/kernel.sh" unmodified
"$scripts/kernel.sh" reserve
say "demo: both kernels are built after $(elapsed $((SECONDS - start))); now they boot"

# Only the last demo is kept.
rm -rf -- "$out"
status=0
"$rig" run --kernel "unmodified=$BUILD/kernels/unmodified" \
	--kernel "reserve=$BUILD/kernels/reserve" \
	--seeds "$SEEDS" --keep-going --out "$out" demo || status=$?
if [[ -d $out ]]; then
	"$rig" plot "$out" || status=$?
	say
	say "demo: took $(elapsed $((SECONDS - start))); see"
	find "$out" -type f \( -name '*.svg' -o -name '*.png' -o -name 'report*' \) |
		sort | while read -r f; do
		say "  $(rel "$f")"
	done
fi
exit "$status"
