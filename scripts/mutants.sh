#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Break the code on purpose, one place at a time, and see KUnit notice:
#
#	mutants.sh [PATTERN...]		those whose names match, as 'net-*'
#
# Each invariant of Documentation/mm/reserve.rst has some. A mutant passes if a
# test fails, or the kernel stops, because of it. All of them take a while:
# this is a command of its own.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

scripts=$(dirname "$0")
need python3 make gcc
lock kernel
export KERNEL_LOCKED=1
# What hangs is seen, too: it need not take long.
export KUNIT_LIMIT=${KUNIT_LIMIT:-150}
"$scripts/tree.sh" reserve

mapfile -t names < <(python3 "$scripts/mutants.py" list "$@" | sed '/^$/d')
((${#names[@]})) || die "no mutant is called $*"
mkdir -p "$BUILD/logs"
log=$BUILD/logs/mutant.log
current=
restore() { [[ -z $current ]] || python3 "$scripts/mutants.py" restore "$R" "$current"; }
trap 'restore; cleanup' EXIT

say "checking that the tests pass as things are"
"$scripts/kunit.sh" >"$log" 2>&1 || die "they do not: see $(rel "$log")"

killed=0 alive=0
say "KTAP version 1"
say "1..${#names[@]}"
for name in "${names[@]}"; do
	current=$name
	what=$(python3 "$scripts/mutants.py" apply "$R" "$name") ||
		die "no such mutant, or it does not apply: $name"
	status=0
	"$scripts/kunit.sh" >"$log" 2>&1 || status=$?
	restore
	current=
	n=$((killed + alive + 1))
	if grep -qE ': error: |Error [0-9]+$' "$log"; then
		say "not ok $n $name # does not compile: $(grep -m1 -E ': error: ' "$log")"
		alive=$((alive + 1))
	elif ((status)); then
		seen=$(grep -oE 'not ok [0-9]+ (sk_)?reserve_test_[a-z0-9_]+' "$log" | sed 's/.* //' | sort -u | paste -sd' ') || true
		say "ok $n $name # $what: seen by ${seen:-a crash or a hang}"
		killed=$((killed + 1))
	else
		say "not ok $n $name # $what: no test failed"
		alive=$((alive + 1))
	fi
done
say "$killed passed, $alive failed"
((alive == 0))
