#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build our code in each of the configurations of configs/verify/, and run its
# KUnit tests in a guest that has it, with one CPU, since they take all memory and
# the lists of another CPU would have some:
#
#	verify.sh [--again] [NAME...]
#	verify.sh --list
#
# A configuration is good if it builds without a warning (CONFIG_WERROR), no test
# fails, and the kernel has nothing to report: no sanitizer, no lockdep, no
# warning but the one that a test provokes.  What was good is not run again
# before something changes, unless --again.  The table is build/verify/report.md.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

dir=$CONFIGS/verify
out=$BUILD/verify
again=

usage() {
	say "usage: scripts/verify.sh [--again] [NAME...] | --list" >&2
	exit 2
}

about() { sed -n "s/^# $2: *//p" "$dir/$1.config"; }

all=()
for f in "$dir"/*.config; do
	all+=("$(basename "$f" .config)")
done

case ${1:-} in
--list)
	(($# == 1)) || usage
	for name in "${all[@]}"; do
		printf '%-14s %s\n' "$name" "$(about "$name" about)"
	done
	exit 0
	;;
--again)
	again=1
	shift
	;;
esac
for name; do
	[[ -f $dir/$name.config && -n $name ]] ||
		die "there is no configuration '$name': verify.sh --list has those there are"
done
names=("${@:-${all[@]}}")

# All that a result depends on
digest() {
	{
		cat "$dir/$1.config" "$(dirname "$0")"/{kunit,verify,lib}.sh "$R/.reserve/source"
		gcc --version
		while read -r f; do cat "$PATCHES/$f"; done < <(series)
		(cd "${OWN:-$ROOT}" && own_files | grep -v '^Documentation/' | xargs cat)
	} | sha256sum | cut -c1-16
}

# What the kernel had to say, less what a test provokes: a draw without a charge
reports() {
	grep -aE '\bBUG[: ]|WARNING: |UBSAN: |INFO: (possible|suspicious|rcu|task|trying)|ODEBUG: |pagealloc: |Oops|Kernel panic|general protection' "$1" |
		grep -avE 'WARNING: .* mem_reserve_draw[+.]' || true
}

# verify NAME: one line of the table, in $row
verify() {
	local name=$1 log=$BUILD/logs/verify-$1.log start=$SECONDS count nr arch cc
	arch=$(about "$name" arch)
	KUNIT_RAW=all KUNIT_LIMIT=3000 "$(dirname "$0")/kunit.sh" --with "$dir/$name.config" \
		>"$log" 2>&1 </dev/null || true
	count=$(grep -aE '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1) || true
	nr=$(reports "$log" | wc -l)
	cc=$(about "$name" cc)
	row="${arch:-x86_64} | ${cc:-gcc} | ${count:-not built, or not booted} | $nr"
	say "# $name: $row, $(elapsed $((SECONDS - start)))"
	[[ $count == *' 0 failed'* && $nr == 0 ]]
}

write_report() {
	local name
	say "| configuration | architecture | compiler | KUnit | reports |"
	say "| --- | --- | --- | --- | --- |"
	for name in "${all[@]}"; do
		[[ ! -f $out/$name ]] || say "| $name: $(about "$name" about) | $(sed -n 2p "$out/$name") |"
	done
}

mkdir -p "$out" "$BUILD/logs"
"$(dirname "$0")/tree.sh" reserve
for name in "${names[@]}"; do
	sum=$(digest "$name")
	if [[ -z $again && -f $out/$name && $(sed -n 1p "$out/$name") == "$sum ok" ]]; then
		check_that "$name, as before: $(sed -n 2p "$out/$name")" true
		continue
	fi
	verdict=ok
	verify "$name" || verdict=failed
	printf '%s\n' "$sum $verdict" "$row" >"$out/$name"
	check_that "$name: $row$([[ $verdict == ok ]] || say "; see $(rel "$BUILD/logs/verify-$name.log")")" \
		test "$verdict" = ok
done
write_report >"$out/report.md"
say "$passed passed, $failed failed"
((failed == 0))
