#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Search all that the model of the reserve's counts can do, by spin, and see that
# it finds what is broken on purpose:
#
#	model.sh [BLOCKS]	with a memory of so many blocks, 2 or 3 (2)
#
# See tests/model/reserve.pml. Three blocks take some minutes and 3 GB.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

blocks=${1:-2}
if [[ $# -gt 1 || $blocks != [23] ]]; then
	say "usage: scripts/model.sh [2|3]" >&2
	exit 2
fi
need spin gcc

model=$ROOT/tests/model/reserve.pml
breaks=$(grep -oE 'BREAK_[A-Z_]+' "$model" | sort -u)
tmpdir model
log=$BUILD/logs/model.log
mkdir -p "$BUILD/logs"
: >"$log"

# search DEFINE...: 0 if nothing is wrong, 1 if spin found something; anything
# else is an error, among them a search that was cut short.
search() {
	local out=$TMP/out
	(
		cd "$TMP"
		rm -f pan pan.* ./*.trail
		spin "$@" -a "$model" && gcc -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=6000 -o pan pan.c
	) >>"$log" 2>&1 || die "the model cannot be compiled; all of the output is in $(rel "$log")"
	(cd "$TMP" && ./pan -m4000000) >"$out" 2>&1 || true
	cat "$out" >>"$log"
	if grep -q 'errors: 1' "$out"; then
		return 1
	fi
	if ! grep -q 'errors: 0' "$out" || grep -qE 'max search depth too small|Search not completed' "$out"; then
		die "the search did not come to its end; all of the output is in $(rel "$log")"
	fi
	states=$(awk '/states, stored/ { printf "%.0f", $1; exit }' "$out")
}

found() { ! search "$@"; }

states=0
check_that "nothing breaks an invariant, with $blocks blocks" search "-DBLOCKS=$blocks"
say "# $states states"
for name in $breaks; do
	check_that "$name is found" found -DBLOCKS=3 "-D$name"
done
say "$passed passed, $failed failed"
((failed == 0))
