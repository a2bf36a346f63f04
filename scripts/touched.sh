#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Compile what the series touches where it is rarely compiled:
#
#	touched.sh
#
# With allmodconfig each C file that a patch touches or that is ours, at W=1; and
# with allnoconfig and CONFIG_MEM_RESERVE a whole kernel.  No warning is good that
# unmodified Linux does not draw as well.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

[[ $# == 0 ]] || {
	say "usage: scripts/touched.sh" >&2
	exit 2
}
need make gcc flex bison bc
"$(dirname "$0")/tree.sh" unmodified
"$(dirname "$0")/tree.sh" reserve
mkdir -p "$BUILD/logs"
tmpdir touched

# made TREE OBJ LOG GOAL...: make in that tree, told to the log
made() {
	local tree=$1 obj=$2 log=$3
	shift 3
	make -C "$tree" "O=$obj" "CC=ccache gcc" "HOSTCC=ccache gcc" "-j$(nproc)" "$@" >>"$log" 2>&1 </dev/null
}

# warnings LOG: without line numbers, which a patch moves
warnings() {
	sed -nE 's/^([^ ]+):[0-9]+(:[0-9]+)?: (warning|error): /\1: /p' "$1" | sed 's,^.*/linux-[a-z]*/,,' | sort -u
}

export CCACHE_DIR=${CCACHE_DIR:-$BUILD/ccache} CCACHE_BASEDIR=$ROOT
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
lock touched
{
	patched_files "$PATCHES"
	own_files
} | grep '\.c$' | grep -vE '^(tools|samples)/' | sort -u >"$TMP/files"
# What is there to be included by another is compiled with that.
mapfile -t ours < <(own_files | grep '\.c$' | sed "s,^,$ROOT/,")
while read -r f; do
	grep -qE "^\+?#include \"(.*/)?$(basename "$f")\"" "$PATCHES"/*.patch "${ours[@]}" || say "$f"
done <"$TMP/files" >"$TMP/compiled"

declare -A trees=([unmodified]="$U" [reserve]="$R")
say 'CONFIG_MEM_RESERVE=y' >"$TMP/reserve.config"
: >"$TMP/unmodified.config"
for label in unmodified reserve; do
	log=$BUILD/logs/touched-$label.log obj=$BUILD/obj-allmod-$label
	: >"$log"
	mkdir -p "$obj"
	made "${trees[$label]}" "$obj" "$log" "KCONFIG_ALLCONFIG=$TMP/$label.config" allmodconfig ||
		die "there is no allmodconfig, see $(rel "$log")"
	"${trees[$label]}/scripts/config" --file "$obj/.config" -d WERROR -d GCC_PLUGINS -d MODULE_SIG -d DEBUG_INFO_BTF
	made "${trees[$label]}" "$obj" "$log" olddefconfig prepare modules_prepare ||
		die "allmodconfig cannot be prepared, see $(rel "$log")"
	: >"$log"
	while read -r f; do
		[[ -f ${trees[$label]}/$f ]] || continue
		made "${trees[$label]}" "$obj" "$log" W=1 "${f%.c}.o" || say "$f" >>"$TMP/failed-$label"
	done <"$TMP/compiled"
	warnings "$log" >"$TMP/warnings-$label"
done

while read -r f; do
	grep -qxF -- "$f" "$TMP/failed-reserve" 2>/dev/null && bad=1 || bad=0
	check_that "allmodconfig: $f compiles" test "$bad" = 0
done <"$TMP/compiled"
comm -13 "$TMP/warnings-unmodified" "$TMP/warnings-reserve" >"$TMP/new"
sed 's/^/# /' "$TMP/new"
check_that "allmodconfig at W=1: no warning that unmodified Linux does not draw" test ! -s "$TMP/new"

log=$BUILD/logs/touched-allno.log obj=$BUILD/obj-allno
: >"$log"
mkdir -p "$obj"
check_that "allnoconfig and CONFIG_MEM_RESERVE: configured" made "$R" "$obj" "$log" "KCONFIG_ALLCONFIG=$TMP/reserve.config" allnoconfig
check_that "allnoconfig and CONFIG_MEM_RESERVE: the option holds" grep -qxF CONFIG_MEM_RESERVE=y "$obj/.config"
check_that "allnoconfig and CONFIG_MEM_RESERVE: builds, see $(rel "$log")" made "$R" "$obj" "$log" W=1 vmlinux
say "$passed passed, $failed failed"
((failed == 0))
