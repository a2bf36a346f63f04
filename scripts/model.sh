#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Search all that the model of the reserve's counts can do, by spin, and see that
# it finds what is broken on purpose:
#
#	model.sh [BLOCKS]	with a memory of so many blocks, 2 or 3 (2)
#
# See tests/model/*.pml: reserve.pml has blocks and runs of pages, slabs.pml objects
# and storage daemons. Three blocks take some minutes and 3 GB.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

blocks=${1:-2}
if [[ $# -gt 1 || $blocks != [23] ]]; then
	say "usage: scripts/model.sh [2|3]" >&2
	exit 2
fi
need spin gcc

pages=$ROOT/tests/model/reserve.pml
slabs=$ROOT/tests/model/slabs.pml
tmpdir model
log=$BUILD/logs/model.log
mkdir -p "$BUILD/logs"
: >"$log"

optimise=-O2

# breaks FILE: the names of what can be broken
breaks() { grep -oE "\bBREAK_[A-Z_]*[A-Z]\b" "$1" | sort -u; }

# search FILE DEFINE...: 0 if nothing is wrong, 1 if spin found something; anything
# else is an error, among them a search that was cut short.
search() {
	local model=$1 out=$TMP/out
	shift
	(
		cd "$TMP"
		rm -f pan pan.* ./*.trail
		spin "$@" -a "$model" && gcc "$optimise" -w -DSAFETY -DCOLLAPSE -DMEMLIM=6000 -o pan pan.c
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
	seconds=$(awk '/elapsed time/ { printf "%.0f", $4; exit }' "$out")
}

# What is broken is found soon: most of the time would be the compiler's.
found() {
	local optimise=-O0
	! search "$@"
}

# all_right TEXT FILE DEFINE...: a search that finds nothing, and how large it was
states=0 seconds=0
all_right() {
	local text=$1
	shift
	check_that "$text" search "$@"
	say "# $states states in $seconds s"
}

all_right "nothing breaks an invariant, with $blocks blocks" "$pages" "-DBLOCKS=$blocks"
all_right "nor with objects" "$slabs" "-DBLOCKS=$blocks"
all_right "nor with the pool of a storage daemon" "$slabs" -DPOOL "-DBLOCKS=$blocks"

for name in $(breaks "$pages"); do
	check_that "$name is found" found "$pages" -DBLOCKS=3 "-D$name"
done
for name in $(breaks "$slabs"); do
	pool=()
	[[ $name != BREAK_POOL_* ]] || pool=(-DPOOL)
	check_that "$name is found" found "$slabs" "${pool[@]}" "-D$name"
done

say "$passed passed, $failed failed"
((failed == 0))
