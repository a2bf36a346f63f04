#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Everything that can be checked, in one go and with one closing line,
# "N passed, N failed[, N skipped]": what 'make check' runs.
#
# A stage that prints such a line of its own counts as that; any other counts
# one.  A stage that fails does not stop the next, except those that need it:
# these count as failed.  The output of each is kept in build/logs/.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

scripts=$(dirname "$0")
rig=$ROOT/tests/swap-over-nbd/rig
read -ra scenarios <<<"${CHECK_SCENARIOS:-smoke-quiet smoke smoke-e1000}"

passed=0 failed=0 skipped=0
declare -A ended=()
table=()
mkdir -p "$BUILD/logs"

# stage NAME SECONDS "NEEDED..." WEIGHT COMMAND...
# WEIGHT is how many it counts when it cannot run at all.
stage() {
	local name=$1 limit=$2 needs=$3 weight=$4 start=$SECONDS status=0
	local log=$BUILD/logs/check-$1.log n count p f s
	shift 4
	for n in $needs; do
		[[ ${ended[$n]} == ok ]] && continue
		ended[$name]=failed
		failed=$((failed + weight))
		table+=("$(printf '%-18s %8s  not run: it needs %s, which failed' "$name" - "$n")")
		say "== $name: not run, it needs $n"
		return
	done
	say "== $name"
	set -m
	timeout --kill-after=20 "$limit" "$@" </dev/null > >(tee "$log" | sed -u "s/^/   /") 2>&1 &
	n=$!
	children=("$n")
	set +m
	wait "$n" || status=$?
	children=()
	# The line is read from the log, which tee may still be writing.
	sleep 0.2
	# In KTAP it is a comment.
	count=$(grep -oP '^(# )?\K[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$log" |
		tail -n 1) || true
	if [[ -n $count ]]; then
		p=$(cut -d' ' -f1 <<<"$count") f=$(cut -d' ' -f3 <<<"$count")
		s=$(cut -s -d' ' -f5 <<<"$count")
		s=${s:-0}
		# It says that all is well, and yet it failed.
		((status == 0 || f > 0)) || f=1
	else
		p=$((status == 0)) f=$((status != 0)) s=0
		((status == 0)) || f=$weight
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	n="$p passed, $f failed"
	((s == 0)) || n+=", $s skipped"
	((status != 124 && status != 137)) || n+=" (stopped after $(elapsed "$limit"))"
	if ((f)); then
		ended[$name]=failed
		n+="; see $(rel "$log")"
	else
		ended[$name]=ok
	fi
	n=$(printf '%-18s %8s  %s' "$name" "$(elapsed $((SECONDS - start)))" "$n")
	table+=("$n")
}

start=$SECONDS
stage deps 900 "" 1 "$scripts/deps.sh"
stage tree-unmodified 600 deps 1 "$scripts/tree.sh" unmodified
stage tree-reserve 600 tree-unmodified 1 "$scripts/tree.sh" reserve
stage refresh 300 tree-unmodified 1 "$scripts/refresh.sh" --check
stage series 600 tree-reserve 1 "$scripts/series.sh"
stage scripts 600 deps 1 "$scripts/tests.sh"
stage kernel-reserve 2700 tree-reserve 1 "$scripts/kernel.sh" reserve
stage kernel-unmodified 2700 tree-unmodified 1 "$scripts/kernel.sh" unmodified
stage modules 300 kernel-reserve 1 "$scripts/modules.sh" reserve
stage fastpath 120 "kernel-reserve kernel-unmodified" 12 "$scripts/fastpath.sh"
stage kernel-debug 2700 tree-reserve 1 "$scripts/kernel.sh" debug
stage slab-apart 1800 "modules kernel-unmodified" 6 "$scripts/slab-apart.sh"
stage reserve-faults 1800 kernel-debug 3 "$scripts/reserve-faults.sh"
stage style 1200 tree-reserve 1 "$scripts/style.sh"
stage htmldocs 300 tree-reserve 1 "$scripts/htmldocs.sh"
stage model 600 deps 6 "$scripts/model.sh"
stage kunit 1500 tree-reserve 1 "$scripts/kunit.sh"
stage rig-selftest 1800 modules 1 \
	"$rig" selftest --kernel "reserve=$BUILD/kernels/reserve"
stage scenarios 1800 "kernel-reserve" "${#scenarios[@]}" \
	"$rig" run --kernel "reserve=$BUILD/kernels/reserve" --seed 1 --keep-going "${scenarios[@]}"
stage matrix 1200 "kernel-reserve kernel-unmodified" 2 \
	"$rig" matrix --short --again --out "$BUILD/matrix-short" \
	--kernel "unmodified=$BUILD/kernels/unmodified" --kernel "reserve=$BUILD/kernels/reserve"

say
say "== all, in $(elapsed $((SECONDS - start)))"
printf '   %s\n' "${table[@]}"
say "$passed passed, $failed failed$( ((skipped == 0)) || say ", $skipped skipped")"
((failed == 0))
