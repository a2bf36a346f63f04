#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Make or bring up to date a kernel tree below build/:
#
#	tree.sh unmodified		the source as it comes
#	tree.sh [--discard] reserve	the same with our files and the series
#	tree.sh --edits			list edits in the tree that are saved nowhere
#
# The patched tree is computed, not poked at: the patches are applied to
# copies of the files they touch, in a small tree of its own, and only files
# whose content differs are then copied over.  So a series that does not apply
# changes nothing, and kbuild sees new time stamps only on what is new.
#
# An edit made in the tree and not yet refreshed into a patch is never lost:
# the script names it and stops, unless --discard is given.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
	say "usage: scripts/tree.sh unmodified | [--discard] reserve | --edits" >&2
	exit 2
}

# What tells one source from another, without reading all of it.
source_id() {
	if [[ -d $KERNEL_SRC ]]; then
		local head=
		head=$(git -C "$KERNEL_SRC" rev-parse HEAD 2>/dev/null) || head=
		say "directory $(realpath "$KERNEL_SRC") $(kernel_version "$KERNEL_SRC" || true) $head"
	else
		say "tarball $(basename "$KERNEL_SRC") $(stat -L -c '%s %Y' "$KERNEL_SRC")"
	fi
}

check_version() {
	local v
	v=$(kernel_version "$1") ||
		die "$KERNEL_SRC is not a kernel source: it has no Makefile with a version"
	[[ $v == "$KERNEL_SERIES".* ]] ||
		die "$KERNEL_SRC is Linux $v, but this series is for $KERNEL_SERIES.y: point KERNEL_SRC= at a $KERNEL_SERIES.y source"
}

# swap_in NEW OLD: put a finished tree in place
swap_in() {
	local old=
	if [[ -e $2 ]]; then
		tmpdir old
		old=$TMP
		mv "$2" "$old/tree"
	fi
	mv "$1" "$2"
	[[ -z $old ]] || rm -rf "$old"
}

make_unmodified() {
	local id new v
	[[ -e $KERNEL_SRC ]] || {
		[[ $KERNEL_SRC == "$DEBIAN_SRC" ]] &&
			die "$KERNEL_SRC is missing: run 'make deps', or set KERNEL_SRC= to a $KERNEL_SERIES.y directory or tarball"
		die "KERNEL_SRC=$KERNEL_SRC does not exist"
	}
	id=$(source_id)
	if [[ -d $U ]]; then
		[[ -f $U/.reserve/source ]] ||
			die "$(rel "$U") was not made by this script: move it away"
		[[ $(<"$U/.reserve/source") != "$id" ]] || return 0
		say "tree unmodified: the source changed, unpacking it again"
		[[ ! -d $R ]] || refuse_edits
	fi
	if [[ -d $KERNEL_SRC ]]; then
		check_version "$KERNEL_SRC"
	fi
	tmpdir unpack
	new=$TMP/linux
	mkdir "$new"
	say "tree unmodified: from $KERNEL_SRC"
	if [[ -d $KERNEL_SRC ]]; then
		rsync -a --exclude=/.git --exclude=/.pc --exclude=/.reserve \
			"$KERNEL_SRC/" "$new/"
		if [[ -e $new/.config || -d $new/include/config ]]; then
			say "tree unmodified: cleaning the copy of a built tree"
			make -s -C "$new" mrproper >"$TMP/log" 2>&1 || {
				tail -n 5 "$TMP/log" >&2
				die "make mrproper failed in a copy of $KERNEL_SRC"
			}
		fi
	else
		tar -xf "$KERNEL_SRC" -C "$new" --strip-components=1 ||
			die "$KERNEL_SRC cannot be unpacked"
	fi
	check_version "$new"
	v=$(kernel_version "$new")
	mkdir "$new/.reserve"
	say "$id" >"$new/.reserve/source"
	swap_in "$new" "$U"
	say "tree unmodified: Linux $v in $(rel "$U")"
}

# -- what the patched tree should hold ------------------------------------------

# Sets own, touched and $want, a small tree with the files as they should be.
expect() {
	local v f
	v=$(kernel_version "$U")
	mapfile -t own < <(own_files)
	# A process substitution hides failures, so look first.
	patched_files "$PATCHES" >/dev/null
	mapfile -t touched < <(patched_files "$PATCHES")
	for f in "${own[@]}"; do
		[[ ! -e $U/$f ]] ||
			die "$f is a file of Linux $v already: a change to it belongs in patches/"
	done
	f=$(comm -12 <(printf '%s\n' "${own[@]}") <(printf '%s\n' "${touched[@]}") | grep . | head -n 1) || true
	[[ -z $f ]] || die "$f stands whole in the repository, so no patch may touch it"

	tmpdir want
	want=$TMP
	seed_tree "$want" "${touched[@]}"
	if ! push_all "$want" "$want/.log"; then
		sed 's/^/    /' "$want/.log" | tail -n 12 >&2
		die "patches/$bad_patch does not apply to Linux $v without fuzz ($(failed_hunks "$want/.log")); nothing was changed. Port it: see 'A patch that does not apply' in CONTRIBUTING.md"
	fi
	offsets=$(grep -c '^Hunk .*offset' "$want/.log") || true
	for f in "${own[@]}"; do
		mkdir -p "$want/$(dirname "$f")"
		cp "${OWN:-$ROOT}/$f" "$want/$f"
	done
}

# The tree as its own idea of applied patches makes it: patches refreshed by
# hand, or some popped.  Sets $cur, or leaves it empty.
current() {
	local n dir
	cur=
	[[ -f $R/.pc/applied-patches ]] || return 0
	n=$(wc -l <"$R/.pc/applied-patches")
	cmp -s "$R/.pc/applied-patches" <(series | head -n "$n") || return 0
	((n > 0)) || return 0
	tmpdir cur
	dir=$TMP
	mapfile -t touched_now < <(patched_files "$PATCHES")
	seed_tree "$dir" "${touched_now[@]}"
	q "$dir" push --fuzz=0 "$(tail -n 1 "$R/.pc/applied-patches")" \
		>/dev/null 2>&1 || return 0
	cur=$dir
}

# Fills edits[] with files whose content in the tree is saved nowhere.
find_edits() {
	local f h sum
	declare -gA recorded=()
	edits=()
	[[ -f $R/.reserve/files ]] ||
		die "$(rel "$R") was not made by this script: move it away"
	while read -r sum f; do
		recorded[$f]=$sum
	done <"$R/.reserve/files"
	cur=unknown
	local -A seen=()
	while read -r f; do
		[[ -n $f && -z ${seen[$f]:-} ]] || continue
		seen[$f]=1
		h=$(hash_of "$R/$f")
		[[ $h != "${recorded[$f]:-}" ]] || continue
		[[ -z ${want:-} || $h != "$(hash_of "$want/$f")" ]] || continue
		[[ $h != "$(hash_of "$U/$f")" ]] || continue
		[[ $cur != unknown ]] || current
		[[ -z $cur || $h != "$(hash_of "$cur/$f")" ]] || continue
		# A whole file that went from the repository and from the tree.
		[[ $h != - ]] || continue
		edits+=("$f")
	done < <(
		printf '%s\n' "${!recorded[@]}" "${own[@]:-}" "${touched[@]:-}" | sort -u
		# Files that were edited without 'quilt add'.
		cd "$R" && find . \( -path ./.pc -o -path ./.reserve -o -name __pycache__ \) \
			-prune -o -type f -newer .reserve/files \
			! -name '*~' ! -name '*.orig' ! -name '*.rej' ! -name '.*.sw?' -print |
			sed 's,^\./,,' | sort
	)
}

refuse_edits() {
	[[ -z ${discard:-} ]] || return 0
	find_edits
	((${#edits[@]})) || return 0
	die "$(rel "$R") holds edits that are in no patch (${edits[*]:0:5}): take them in with 'make refresh', or throw them away with 'scripts/tree.sh --discard reserve'"
}

# differs FROM TO: is it another content, or there where the other is not?
differs() {
	if [[ -e $1 ]]; then
		if cmp -s "$1" "$2"; then return 1; fi
	else
		[[ -e $2 ]]
	fi
}

# Start again with the kernel's lock.  A build takes it first and the tree's
# lock second, so let go of the latter before waiting.
after_the_build() {
	exec {lockfd}>&-
	lock kernel
	rm -rf -- "${tmpdirs[@]}"
	export KERNEL_LOCKED=1
	exec "$ROOT/scripts/tree.sh" ${discard:+--discard} reserve
}

# fill TREE: bring the files, quilt's memory and our record into a tree
fill() {
	local tree=$1 f src
	local -A from=()
	while read -r f; do
		[[ -n $f ]] || continue
		src=$want/$f
		# Known before and no longer ours or patched: as it came, or gone.
		[[ -e $src || " ${touched[*]:-} " == *" $f "* ]] || src=$U/$f
		! differs "$src" "$tree/$f" || from[$f]=$src
	done < <(
		printf '%s\n' "${own[@]}" "${touched[@]}" "${edits[@]:-}"
		[[ ! -f $tree/.reserve/files ]] || cut -d' ' -f2- "$tree/.reserve/files"
	)
	changed=${#from[@]}
	# Not under the feet of a build.
	if ((changed)) && [[ $tree == "$R" && -z ${KERNEL_LOCKED:-} ]]; then
		after_the_build
	fi
	# Only what differs gets a new time stamp.
	for f in "${!from[@]}"; do
		if [[ -e ${from[$f]} ]]; then
			mkdir -p "$tree/$(dirname "$f")"
			cp --preserve=mode "${from[$f]}" "$tree/$f.new~"
			mv -f "$tree/$f.new~" "$tree/$f"
		else
			rm -f "$tree/$f"
		fi
	done
	rm -rf "$tree/.pc"
	# An empty series leaves nothing for quilt to remember.
	if [[ -f $want/.pc/applied-patches ]]; then
		cp -a "$want/.pc" "$tree/.pc"
	fi
	mkdir -p "$tree/.reserve"
	for f in "${own[@]}" "${touched[@]}"; do
		say "$(hash_of "$tree/$f") $f"
	done >"$tree/.reserve/files.new"
	while read -r f; do
		say "$(hash_of "$PATCHES/$f") $f"
	done < <(series) >"$tree/.reserve/patches"
	cp "$U/.reserve/source" "$tree/.reserve/source"
	mv "$tree/.reserve/files.new" "$tree/.reserve/files"
}

make_reserve() {
	local new n
	make_unmodified
	edits=()
	if [[ -d $R && ! -f $R/.reserve/files ]]; then
		die "$(rel "$R") was not made by this script: move it away"
	fi
	expect
	if [[ -d $R && $(<"$R/.reserve/source") == "$(<"$U/.reserve/source")" ]]; then
		if [[ -n ${discard:-} ]]; then
			find_edits
		else
			refuse_edits
		fi
		fill "$R"
	else
		[[ ! -d $R ]] || refuse_edits
		tmpdir copy
		new=$TMP/linux
		cp -a --reflink=auto "$U" "$new"
		edits=()
		fill "$new"
		swap_in "$new" "$R"
	fi
	n=$(series | wc -l)
	say "tree reserve: Linux $(kernel_version "$R") with ${#own[@]} files and $n patches of ours in $(rel "$R"), $changed changed"
	[[ ${offsets:-0} == 0 ]] ||
		say "tree reserve: $offsets hunks applied at another line than recorded (no fuzz)"
}

list_edits() {
	[[ -d $R ]] || return 0
	want=
	own=()
	touched=()
	find_edits
	[[ ${#edits[@]} == 0 ]] || printf '%s\n' "${edits[@]}"
}

discard=
[[ ${1:-} != --discard ]] || { discard=1; shift; }
[[ $# == 1 ]] || usage
case $1 in
unmodified | reserve)
	need quilt rsync xz patch
	lock tree
	"make_$1"
	;;
--edits)
	need quilt
	list_edits
	;;
*) usage ;;
esac
