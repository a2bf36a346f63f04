#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Run the KUnit tests of our code with the kernel's own kunit.py:
#
#	kunit.sh [--arch um|x86_64] [SUITE]
#
# under user-mode Linux, or in QEMU for x86_64.  KTAP goes through; the
# closing line is the count.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

arch=um
if [[ ${1:-} == --arch ]]; then
	arch=${2:-}
	shift 2 || true
fi
if [[ $arch != um && $arch != x86_64 || $# -gt 1 || ${1:-} == -* ]]; then
	say "usage: scripts/kunit.sh [--arch um|x86_64] [SUITE]" >&2
	exit 2
fi

need python3 make gcc
# mutants.sh has the lock, and has changed the tree on purpose.
if [[ -z ${KERNEL_LOCKED:-} ]]; then
	lock kernel
	export KERNEL_LOCKED=1
	"$(dirname "$0")/tree.sh" reserve
fi
configs=()
while read -r f; do
	configs+=("--kunitconfig=$R/$f")
done < <(own_files | grep -E '/\.kunitconfig$')
((${#configs[@]})) || die "there is no .kunitconfig among our files, so no test to run"

build=$BUILD/kunit
[[ $arch == um ]] || build+=-$arch
log=$BUILD/logs/kunit-$arch.log
mkdir -p "$BUILD/logs" "$build"
options=()
if command -v ccache >/dev/null; then
	export CCACHE_DIR=${CCACHE_DIR:-$BUILD/ccache} CCACHE_BASEDIR=$ROOT
	options=(--make_options "CC=ccache gcc" --make_options "HOSTCC=ccache gcc")
fi
export KBUILD_BUILD_USER=reserve KBUILD_BUILD_HOST=build KBUILD_BUILD_TIMESTAMP=2026-01-01
export PYTHONDONTWRITEBYTECODE=1
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
cd "$R"
status=0
timeout --kill-after=10 "${KUNIT_LIMIT:-900}" \
	python3 tools/testing/kunit/kunit.py run --arch="$arch" --build_dir="$build" \
	"${configs[@]}" "${options[@]}" --jobs="${KERNEL_JOBS:-$(nproc)}" --timeout=300 \
	--raw_output=kunit "$@" </dev/null 2>&1 | tee "$log" || status=$?
# A kernel that is stuck outlives kunit.py, and whatever signal ends that.
pkill -KILL -f "^$build/linux " || true
((status == 0)) || die "kunit.py ended with status $status; all of its output is in $(rel "$log")"

# The kernel's own parser counts.
count=$(python3 tools/testing/kunit/kunit.py parse "$log" 2>&1 |
	sed -n 's/.*Testing complete\. *//p' | tail -n 1) || true
number() { grep -oE "$1: [0-9]+" <<<"$count" | grep -oE '[0-9]+' || say 0; }
passed=$(number passed)
failed=$(($(number failed) + $(number crashed)))
# Errors are about the log, not tests of their own.
((failed > 0 || $(number errors) == 0)) || failed=1
skipped=$(number skipped)
((passed + failed + skipped)) || die "no test ran; all of the output is in $(rel "$log")"
say "$passed passed, $failed failed$( ((skipped == 0)) || say ", $skipped skipped")"
((failed == 0))
