#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Make the series into mails, as git format-patch does:
#
#	series.sh			build/series/*.patch, with a cover letter
#	series.sh --build [FROM [TO]]	also build each prefix of it, and boot it
#
# Our whole files come with the patches that patches/own-files names. What the
# last mail leaves is compared with the patched tree.
#
# --build takes hours, since many prefixes change a header that all include. It
# says of each whether it builds, with how many warnings at W=1, and whether a
# guest swaps with it; FROM and TO are numbers of mails.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
	say "usage: scripts/series.sh [--build [FROM [TO]]]" >&2
	exit 2
}

build='' from=1 to=
if [[ ${1:-} == --build ]]; then
	build=1 from=${2:-1} to=${3:-}
	[[ $from =~ ^[1-9][0-9]*$ && $to =~ ^([1-9][0-9]*)?$ && $# -le 3 ]] || usage
elif (($#)); then
	usage
fi
need git patch quilt
for f in own-files cover-letter; do
	[[ -f $PATCHES/$f ]] || die "there is no $(rel "$PATCHES/$f"), which the mails are made with"
done
"$ROOT/scripts/tree.sh" reserve

out=$BUILD/series
repo=$out/.git-tree

# files_of PATCH: what comes with it, of our whole files
files_of() {
	local name
	awk -v patch="$1" '/^#/ { next } /^[^\t]/ { on = $1 == patch } /^\t/ && on { print $1 }' \
		"$PATCHES/own-files" | while read -r name; do
		if [[ $name == */ ]]; then
			grep "^$name" "$TMP/own" || true
		else
			say "$name"
		fi
	done
}

# Each whole file comes with one patch, and nothing else does.
check_own_files() {
	local p
	own_files >"$TMP/own"
	series | while read -r p; do files_of "$p"; done | sort >"$TMP/given"
	p=$(comm -23 "$TMP/own" "$TMP/given" | paste -sd' ')
	[[ -z $p ]] || die "patches/own-files does not say which patch these come with: $p"
	p=$({ uniq -d "$TMP/given"; comm -13 "$TMP/own" "$TMP/given"; } | sort -u | paste -sd' ')
	[[ -z $p ]] || die "patches/own-files names what is not there, or twice: $p"
	p=$(awk '/^[^#\t]/ { print $1 }' "$PATCHES/own-files" | grep -vxF -f <(series) | paste -sd' ') || true
	[[ -z $p ]] || die "patches/own-files names patches that are not in the series: $p"
}

g() { git -C "$repo" "$@"; }

# commit PATCH: as its author and its changelog have it
commit() {
	local header author subject
	header=$(sed '/^--- a\//,$d; /^---$/,$d' "$PATCHES/$1")
	author=$(sed -n 's/^From: //p' <<<"$header" | head -n 1)
	subject=$(sed -n 's/^Subject: //p' <<<"$header" | head -n 1)
	[[ -n $author && -n $subject ]] || die "patches/$1 has no From: or no Subject:"
	{
		say "$subject"
		sed '1,/^Subject: /d' <<<"$header"
	} | g commit -q --author="$author" -F -
}

make_mails() {
	local p f
	rm -rf -- "$out"
	mkdir -p "$repo"
	export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
	# One series, one set of mails.
	export GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z'
	export GIT_COMMITTER_NAME=series GIT_COMMITTER_EMAIL=series@build.invalid
	export GIT_AUTHOR_NAME=series GIT_AUTHOR_EMAIL=series@build.invalid
	g init -q -b reserve
	mapfile -t touched < <(patched_files "$PATCHES")
	seed_tree "$repo" "${touched[@]}"
	g add -A
	g commit -q -m "Linux $(kernel_version "$U")"
	g tag base
	while read -r p; do
		g apply --index "$PATCHES/$p" ||
			die "patches/$p does not apply with git, which has no fuzz"
		while read -r f; do
			mkdir -p "$repo/$(dirname "$f")"
			cp "${OWN:-$ROOT}/$f" "$repo/$f"
		done < <(files_of "$p")
		g add -A
		commit "$p"
	done < <(series)
	g config branch.reserve.description "$(cat "$PATCHES/cover-letter")"
	g format-patch -q --cover-letter --cover-from-description=subject --no-signature \
		--stat-width=72 -o "$out" base..reserve
}

# The mails leave what the patched tree has.
compare() {
	local f wrong=()
	while read -r f; do
		cmp -s "$repo/$f" "$R/$f" || wrong+=("$f")
	done < <(g ls-files)
	((${#wrong[@]} == 0)) || die "the mails leave other files than the patched tree has: ${wrong[*]}"
}

# compile LOG: the tree as it is now; what is warned of goes to $TMP/warnings
compile() {
	local status=0
	{
		"${kmake[@]}" KCONFIG_ALLCONFIG="$TMP/fragment" allnoconfig &&
			"${kmake[@]}" olddefconfig && "${kmake[@]}" "-j$(nproc)" W=1 bzImage modules
	} >"$1" 2>&1 </dev/null || status=$?
	# Without line numbers, which a patch moves
	sed -nE 's/^([^ ]+):[0-9]+(:[0-9]+)?: warning: /\1: /p; /^[^ ]+: warning: objtool/p; /^WARNING: modpost/p' \
		"$1" | sort -u >"$TMP/warnings"
	return "$status"
}

# prefix N COMMIT SUBJECT: the tree as the first N mails make it, built and booted
prefix() {
	local n=$1 log=$BUILD/logs/series-$1.log f new
	# All that any mail has, so that nothing of a later one is there.
	while read -r f; do
		if g cat-file -e "$2:$f" 2>/dev/null; then
			mkdir -p "$work/$(dirname "$f")"
			g show "$2:$f" >"$TMP/file"
			cmp -s "$TMP/file" "$work/$f" || cp "$TMP/file" "$work/$f"
		else
			rm -f -- "$work/$f"
		fi
	done < <(g ls-tree -r --name-only reserve)
	# What warned is compiled again, or it would not say so again.
	cut -d: -f1 "$work/.warned" 2>/dev/null | sort -u | while read -r f; do
		f=$(realpath -m "$work/obj/$f")
		[[ $f != "$work"/* || ! -f $f ]] || touch "$f"
	done
	if ! compile "$log"; then
		cp "$TMP/warnings" "$work/.warned"
		check_that "$n builds: $3 ($(rel "$log"))" false
		return
	fi
	cp "$TMP/warnings" "$work/.warned"
	new=$(comm -23 "$TMP/warnings" "$work/.warnings" | head -n 3)
	check_that "$n builds, without a new warning at W=1: $3${new:+: $new}" [ -z "$new" ]
	mkdir -p "$work/kernel"
	cp "$work/obj/arch/x86/boot/bzImage" "$work/obj/vmlinux" "$work/obj/System.map" "$work/kernel"
	cp "$work/obj/.config" "$work/kernel/config"
	check_that "$n boots and swaps" quietly "$BUILD/logs/series-$n-boot.log" \
		"$ROOT/tests/swap-over-nbd/rig" run --kernel "prefix=$work/kernel" \
		--out "$BUILD/runs-series" smoke-quiet
}

quietly() {
	local log=$1
	shift
	"$@" >"$log" 2>&1 </dev/null
}

build_prefixes() {
	local n=0 at subject f stamp
	for f in guest.config reserve.config; do cat "$CONFIGS/$f"; done >"$TMP/fragment"
	lock kernel
	work=$BUILD/linux-series
	mkdir -p "$BUILD/logs"
	# Another source or another compiler: from the beginning.
	stamp=$({ cat "$U/.reserve/source" "$TMP/fragment"; gcc --version; } | sha256sum)
	if [[ $(cat "$work/.stamp" 2>/dev/null) != "$stamp" ]]; then
		rm -rf -- "$work"
		cp -a --reflink=auto "$U" "$work"
		say "$stamp" >"$work/.stamp"
	fi
	kmake_for unmodified
	kmake=(make -C "$work" "O=$work/obj" "${kmake[@]:4}")
	if [[ ! -f $work/.warnings ]]; then
		compile "$BUILD/logs/series-0.log" || die "Linux $(kernel_version "$U") does not build: see $(rel "$BUILD/logs/series-0.log")"
		mv "$TMP/warnings" "$work/.warnings"
		say "0: $(wc -l <"$work/.warnings") warnings at W=1 without the series"
	fi
	while read -r at subject; do
		n=$((n + 1))
		((n < from || n > ${to:-$n})) || prefix "$n" "$at" "$subject"
	done < <(g log --reverse --format='%H %s' base..reserve)
	((passed + failed)) || die "the series has $n mails: there is nothing from $from to ${to:-$n}"
	say "$passed passed, $failed failed"
	((failed == 0))
}

lock series
tmpdir series
check_own_files
make_mails
compare
say "series: $(g rev-list --count base..reserve) mails and a cover letter in $(rel "$out"), on Linux $(kernel_version "$U")"
[[ -z $build ]] || build_prefixes
