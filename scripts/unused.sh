#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Without CONFIG_MEM_RESERVE, what is different in each file that the series
# touches?
#
#	unused.sh
#
# Both trees are compiled with configs/guest.config alone, to assembler, and
# compared function by function (unused.py). What is different must stand in
# tests/unused.list with its reason: a mend that does not depend on the option,
# or the same in another order.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

[[ $# == 0 ]] || {
	say "usage: scripts/unused.sh" >&2
	exit 2
}

list=$ROOT/tests/unused.list
log=$BUILD/logs/unused.log
need python3 make gcc
mkdir -p "$BUILD/logs"
: >"$log"

lock kernel
export KERNEL_LOCKED=1
"$(dirname "$0")/kernel.sh" --config unmodified
"$(dirname "$0")/kernel.sh" --config off

mapfile -t files < <(patched_files "$PATCHES" | grep '\.c$' | grep -v '^tools/')
((${#files[@]})) || die "the series touches no file: is there a patches/series?"

# compile LABEL: the assembler files of those that its configuration has
compile() {
	local f targets=()
	for f in "${files[@]}"; do
		targets+=("${f%.c}.s")
	done
	kmake_for "$1"
	"${kmake[@]}" -k "-j${KERNEL_JOBS:-$(nproc)}" "${targets[@]}" >>"$log" 2>&1 </dev/null || true
}

mapfile -t renamed < <(awk '$1 == "renamed" { print $2 "=" $3 }' "$list")

# expected FILE FUNCTION: is it known that they differ?
expected() { grep -qE "^$1[[:space:]]+$2([[:space:]]|$)" "$list"; }

compile unmodified
compile off
same=0 other=0 absent=0
seen=()
for f in "${files[@]}"; do
	u=$BUILD/obj-unmodified/${f%.c}.s
	o=$BUILD/obj-off/${f%.c}.s
	if [[ ! -f $u && ! -f $o ]]; then
		absent=$((absent + 1))
		say "# $f: not in this configuration"
		continue
	fi
	[[ -f $u && -f $o ]] ||
		die "$f compiles in one tree only; all of the output is in $(rel "$log")"
	differs=()
	while read -r name before after; do
		seen+=("$f $name")
		expected "$f" "$name" || differs+=("$name ($before instructions, now $after)")
	done < <(python3 "$(dirname "$0")/unused.py" "$u" "$o" "${renamed[@]}")
	if grep -qF "$f " <<<"$(printf '%s\n' "${seen[@]}")"; then
		other=$((other + 1))
	else
		same=$((same + 1))
	fi
	check_that "$f: no difference but those of tests/unused.list${differs[*]:+: ${differs[*]}}" \
		test "${#differs[@]}" = 0
done
while read -r f name _; do
	[[ $f == */* ]] || continue
	[[ -f $BUILD/obj-off/${f%.c}.s ]] || continue
	printf '%s\n' "${seen[@]}" | grep -qxF "$f $name" ||
		check_that "tests/unused.list: $f $name differs still" false
done <"$list"
say "# of ${#files[@]} files $same are the same, $other with mends that are told, $absent not compiled"
say "$passed passed, $failed failed"
((failed == 0))
