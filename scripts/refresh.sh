#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Make patches/ say what build/linux-reserve holds, always in the same form:
#
#	refresh.sh			edits into their patches, each refreshed
#	refresh.sh --check		fail if a refresh would change anything
#	refresh.sh --add FILE...	take files that were edited before
#					'quilt add' into the topmost patch
#
# An edit belongs to the last applied patch that holds its file; an edit of a
# file that stands whole in the repository goes back there.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

form=(-p ab --no-index --no-timestamps)

usage() {
	say "usage: scripts/refresh.sh [--check | --add FILE...]" >&2
	exit 2
}

# owner FILE: the last applied patch that holds it
owner() {
	local p
	while read -r p; do
		if grep -qxF -- "$1" "$R/.pc/$p/.files" 2>/dev/null || [[ -e $R/.pc/$p/$1 ]]; then
			say "$p"
			return 0
		fi
	done < <(tac "$R/.pc/applied-patches" 2>/dev/null)
	return 1
}

# Edits in the tree go to where they belong.
take_edits() {
	local f p was
	local -A todo=()
	while read -r f; do
		was=$(awk -v f="$f" '$2 == f { print $1 }' "$R/.reserve/files")
		if [[ -f ${OWN:-$ROOT}/$f ]]; then
			[[ $(hash_of "${OWN:-$ROOT}/$f") == "$was" ]] ||
				die "$f was edited both here and in $(rel "$R"): make one of them right, and copy it over the other"
			cp "$R/$f" "${OWN:-$ROOT}/$f"
			say "refresh: $f from $(rel "$R")"
		elif p=$(owner "$f"); then
			todo[$p]=1
		elif [[ -e $U/$f ]]; then
			die "$f was edited, but is in no patch: 'scripts/refresh.sh --add $f' takes it into the topmost one"
		else
			die "$f is new in $(rel "$R"): a new file stands whole in the repository, at the same path"
		fi
	done < <("$(dirname "$0")/tree.sh" --edits)
	for p in "${!todo[@]}"; do
		was=$(awk -v f="$p" '$2 == f { print $1 }' "$R/.reserve/patches")
		[[ $(hash_of "$PATCHES/$p") == "$was" || ! $PATCHES/$p -nt $R/.pc/$p/.timestamp ]] ||
			die "patches/$p was changed, and so were its files in $(rel "$R"): make one of them right"
		q "$R" refresh -f "${form[@]}" "$p" >/dev/null ||
			die "quilt could not refresh patches/$p"
	done
}

# Refresh a copy of the whole series; the copy is in $copy/patches.
refresh_copy() {
	local f v
	v=$(kernel_version "$U")
	tmpdir refresh
	copy=$TMP
	mkdir "$copy/patches"
	while read -r f; do
		mkdir -p "$copy/patches/$(dirname "$f")"
		cp "$PATCHES/$f" "$copy/patches/$f" 2>/dev/null ||
			die "patches/series names $f, but there is no such patch"
	done < <(series "$PATCHES")
	[[ ! -f $PATCHES/series ]] || cp "$PATCHES/series" "$copy/patches/"
	mapfile -t touched < <(patched_files "$copy/patches")
	seed_tree "$copy/tree" "${touched[@]}"
	if ! QPATCHES=$copy/patches push_all "$copy/tree" "$copy/log" refresh; then
		sed 's/^/    /' "$copy/log" | tail -n 12 >&2
		die "patches/$bad_patch does not apply to Linux $v without fuzz, or cannot be refreshed ($(failed_hunks "$copy/log")); nothing was changed"
	fi
}

check() {
	local p n=0 bad=0
	refresh_copy
	while read -r p; do
		n=$((n + 1))
		cmp -s "$PATCHES/$p" "$copy/patches/$p" && continue
		bad=$((bad + 1))
		warn "patches/$p is not as a refresh would write it: run 'make refresh'"
		diff -u "$PATCHES/$p" "$copy/patches/$p" | head -n 8 >&2 || true
	done < <(series "$PATCHES")
	while read -r p; do
		series "$PATCHES" | grep -qxF -- "$p" && continue
		n=$((n + 1)) bad=$((bad + 1))
		warn "patches/$p is not in patches/series"
	done < <([[ ! -d $PATCHES ]] || (cd "$PATCHES" && find . -name '*.patch' | sed 's,^\./,,' | sort))
	say "$((n - bad)) passed, $bad failed"
	((bad == 0))
}

need quilt
[[ -f $U/.reserve/source ]] || "$(dirname "$0")/tree.sh" unmodified
case ${1:-} in
--check)
	check
	;;
--add)
	shift
	(($#)) || usage
	[[ -d $R ]] || die "there is no $(rel "$R"): run 'make tree'"
	top=$(tail -n 1 "$R/.pc/applied-patches" 2>/dev/null) || die "no patch is applied in $(rel "$R")"
	for f; do
		[[ -f $R/$f && -f $U/$f ]] || die "$f is no file of the kernel"
		! owner "$f" >/dev/null || die "$f is in a patch already: $(owner "$f")"
		cp -p "$R/$f" "$R/$f.edited~"
		cp -p "$U/$f" "$R/$f"
		q "$R" add "$f" >/dev/null
		mv "$R/$f.edited~" "$R/$f"
		touch "$R/$f"
		say "refresh: $f is in patches/$top now; 'make refresh' writes it"
	done
	;;
'')
	if [[ -d $R ]]; then
		take_edits
	fi
	refresh_copy
	n=0
	while read -r p; do
		cmp -s "$PATCHES/$p" "$copy/patches/$p" && continue
		cp "$copy/patches/$p" "$PATCHES/$p"
		n=$((n + 1))
	done < <(series "$PATCHES")
	say "refresh: $(series "$PATCHES" | wc -l) patches, $n brought into form"
	[[ ! -d $R ]] || "$(dirname "$0")/tree.sh" reserve
	;;
*) usage ;;
esac
