#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Run the KUnit tests of our code with the kernel's own kunit.py:
#
#	kunit.sh [--arch ARCH | --with FILE] [SUITE]
#
# under user-mode Linux, or in QEMU for x86_64, i386 and arm64.  KTAP goes
# through; the closing line is the count.
#
# FILE, one of configs/verify/, adds to the configuration, and says in comments
# of its own what else is different: "# arch: i386", "# cc: clang",
# "# qemu: -smp 4", "# args: numa=fake=2".
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
	say "usage: scripts/kunit.sh [--arch um|x86_64|i386|arm64 | --with FILE] [SUITE]" >&2
	exit 2
}

arch=um with='' name=''
case ${1:-} in
--arch)
	arch=${2:-}
	shift 2 || usage
	;;
--with)
	with=${2:-}
	shift 2 || usage
	[[ -f $with ]] || die "there is no ${with:-such file}: configs/verify/ has those there are"
	name=-$(basename "$with" .config)
	;;
esac

# what the file says of NAME
about() { [[ -z $with ]] || sed -n "s/^# $1: *//p" "$with"; }

[[ -z $with ]] || arch=$(about arch)
arch=${arch:-x86_64}
[[ " um x86_64 i386 arm64 " == *" $arch "* && $# -le 1 && ${1:-} != -* ]] || usage

need python3 make gcc
[[ $arch == um ]] || command -v "qemu-system-${arch/arm64/aarch64}" >/dev/null ||
	die "there is no QEMU for $arch: run 'apt-get install qemu-system-${arch/arm64/arm}'"
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
build+=$name
log=$BUILD/logs/kunit-$arch$name.log
mkdir -p "$BUILD/logs" "$build"

options=() cc=gcc cross=
if [[ $(about cc) == clang ]]; then
	for tool in clang ld.lld llvm-nm; do
		command -v "$tool" >/dev/null || die "$tool is not installed: run 'apt-get install clang lld llvm'"
	done
	cc=clang
	options+=(--make_options LLVM=1)
elif [[ $arch == arm64 ]]; then
	cross=aarch64-linux-gnu-
	command -v "${cross}gcc" >/dev/null ||
		die "there is no compiler for arm64: run 'apt-get install gcc-aarch64-linux-gnu'"
	options+=(--cross_compile "$cross")
fi
if command -v ccache >/dev/null; then
	export CCACHE_DIR=${CCACHE_DIR:-$BUILD/ccache} CCACHE_BASEDIR=$ROOT
	options+=(--make_options "CC=ccache $cross$cc" --make_options "HOSTCC=ccache $cc")
fi
if [[ -n $with ]]; then
	options+=(--kconfig_add CONFIG_WERROR=y)
	while read -r line; do
		options+=(--kconfig_add "$line")
	done < <(grep -E '^(CONFIG_|# CONFIG_)' "$with")
	while read -r line; do
		options+=("--qemu_args=$line")
	done < <(about qemu)
	while read -r line; do
		options+=("--kernel_args=$line")
	done < <(about args)
fi
export KBUILD_BUILD_USER=reserve KBUILD_BUILD_HOST=build KBUILD_BUILD_TIMESTAMP=2026-01-01
export PYTHONDONTWRITEBYTECODE=1
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
cd "$R"
status=0
timeout --kill-after=10 "${KUNIT_LIMIT:-900}" \
	python3 tools/testing/kunit/kunit.py run --arch="$arch" --build_dir="$build" \
	"${configs[@]}" "${options[@]}" --jobs="${KERNEL_JOBS:-$(nproc)}" --timeout="$((${KUNIT_LIMIT:-900} / 3))" \
	--raw_output="${KUNIT_RAW:-kunit}" "$@" </dev/null 2>&1 | tee "$log" || status=$?
# A kernel that is stuck outlives kunit.py, and whatever signal ends that.
pkill -KILL -f "^$build/linux |^[^ ]*qemu-system-[^ ]* .*$build/arch/" || true
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
