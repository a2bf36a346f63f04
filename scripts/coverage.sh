#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Which lines and branches of our files run, in KUnit and in scenarios together:
#
#	coverage.sh [--report]
#
# Builds the debug kernel with counters in our code, boots it for each row of
# the table below, adds up what the guests hand out when they are done, and lists
# each line that never ran, and branches if fewer than 95 % were taken.  Lines that
# cannot run stand in tests/coverage.list with the reason; any other is a failure.
# --report does without new runs.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

[[ $# == 0 || ($# == 1 && $1 == --report) ]] || {
	say "usage: scripts/coverage.sh [--report]" >&2
	exit 2
}

rig=$ROOT/tests/swap-over-nbd/rig
out=$BUILD/coverage
log=$BUILD/logs/coverage.log
kernel=coverage=$BUILD/kernels/coverage
need gcov python3

# Each file that is compiled, ours alone, and the headers that it has inline
files=()
while read -r f; do
	[[ $f != *.[ch] || $f == */tests/* || $f == *_kunit.c || $f == tools/* ||
		$f == include/trace/* ]] || files+=("$f")
done < <(own_files)

# guest NAME COMMAND...: what counts into $out/NAME, and whose result counts as well
guest() {
	local name=$1 start=$SECONDS
	shift
	rm -rf -- "${out:?}/$name"
	check_that "$name: the guest got through, see $(rel "$log")" in_log "$@"
	say "# $name: $(elapsed $((SECONDS - start)))"
}

in_log() {
	"$@" >>"$log" 2>&1 </dev/null
}

# booted NAME COMMAND...: likewise, of the rig
booted() {
	local name=$1
	shift
	guest "$name" "$rig" "$@" --kernel "$kernel" --out "$out/$name"
}

if [[ ${1:-} != --report ]]; then
	"$(dirname "$0")/kernel.sh" coverage
	"$(dirname "$0")/modules.sh" coverage
	modules=$BUILD/modules/coverage
	: >"$log"
	# KUnit runs at boot, on one CPU: its tests take all memory, and objects that
	# come from elsewhere then, as from KFENCE, are not what they expect.
	quiet=kfence.sample_interval=0
	booted kunit module --cpus 1 --mem 1024 --timeout 1500 --append "$quiet" \
		"$modules/rig_selftest.ko"
	booted kunit-numa module --cpus 1 --mem 512 --timeout 1500 --append "$quiet numa=fake=2" \
		"$modules/rig_selftest.ko"
	guest faults "$ROOT/scripts/reserve-faults.sh" --ops 1000000 coverage
	for scenario in sweep fuzz smoke smoke-e1000 e1000e-flood pause pair-netem local-unix local-tcp; do
		# The kernel itself needs more than the ordinary one.
		booted "$scenario" run "$scenario" --seed 1 --mem-more 64 --append kunit.enable=0
	done
fi

mapfile -t counted < <(find "$out" -name '*gcov' -type f 2>/dev/null | sort)
((${#counted[@]})) || die "no guest has counted anything: run without --report"
cd "$ROOT"
check_that "each line has run, or stands in tests/coverage.list" \
	python3 scripts/coverage.py "$BUILD/obj-coverage" tests/coverage.list "${files[@]}" \
	-- "${counted[@]}"
say "$passed passed, $failed failed"
((failed == 0))
