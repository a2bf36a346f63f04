#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Our documents as the kernel's own 'make htmldocs' makes them, in seconds: from
# a source tree that has them and no others, and what our patches write for
# kernel-doc in files of the kernel's.  A warning about what is ours fails; others
# are counted.
#
#	htmldocs.sh
#
# The pages are in build/htmldocs/html, build/htmldocs/log has all that was said.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

(($# == 0)) || {
	say "usage: scripts/htmldocs.sh" >&2
	exit 2
}
need sphinx-build make perl
"$ROOT/scripts/tree.sh" reserve
[[ -f $R/Documentation/conf.py && -x $R/scripts/get_abi.pl ]] ||
	die "$(rel "$R") has no Documentation: point KERNEL_SRC= at a complete source"

D=$BUILD/htmldocs
S=$D/src
html=$D/html
log=$D/log
lock htmldocs
mkdir -p "$D"
rm -rf "$S" "$D/obj" "$html"

mapfile -t own < <(own_files)
mapfile -t documents < <(printf '%s\n' "${own[@]}" | grep '^Documentation/.*\.rst$')
mapfile -t abi < <(printf '%s\n' "${own[@]}" | grep '^Documentation/ABI/')
mapfile -t sources < <(printf '%s\n' "${own[@]}" | grep -E '\.[ch]$')
mapfile -t touched < <(patched_files "$PATCHES" | grep -E '\.[ch]$')

# -- a small source tree ---------------------------------------------------------

# What the kernel's Makefile needs to make documents, and ours.
mkdir -p "$S/Documentation/userspace-api/media"
for f in "$R"/*; do
	[[ $f == */Documentation ]] || ln -s "$f" "$S/"
done
for f in Makefile conf.py docutils.conf sphinx sphinx-static; do
	ln -s "$R/Documentation/$f" "$S/Documentation/"
done
for f in "$R"/Documentation/userspace-api/media/{Makefile,*.exceptions}; do
	ln -s "$f" "$S/Documentation/userspace-api/media/"
done
mkdir "$S/Documentation/images"
ln -s "$R/Documentation/images/logo.svg" "$S/Documentation/images/"
for f in "${documents[@]}" "${abi[@]}"; do
	mkdir -p "$S/$(dirname "$f")"
	cp "$R/$f" "$S/$f"
done

# Names that have a kernel-doc comment with a line of ours in it.
documented() {
	diff --unchanged-line-format='- %L' --old-line-format= --new-line-format='+ %L' \
		"$U/$1" "$R/$1" | awk '
		substr($0, 3) ~ /^\/\*\*[[:space:]]*$/ { inside = 1; ours = 0; name = "" }
		inside && name == "" && $2 == "*" {
			i = $3 ~ /^(struct|enum|union|typedef)$/ ? 4 : 3
			name = $i
			sub(/\(.*|:$/, "", name)
		}
		inside && $1 == "+" { ours = 1 }
		inside && /\*\/[[:space:]]*$/ {
			inside = 0
			if (ours && name != "") print name
		}' || true
}

title() { printf '%s\n%s\n\n' "$1" "${1//?/=}"; }

{
	title "Memory reserves"
	printf '.. toctree::\n\n'
	for f in "${documents[@]}"; do
		f=${f#Documentation/}
		say "   ${f%.rst}"
	done
	printf '   abi\n   patched\n'
} >"$S/Documentation/index.rst"
{
	title "ABI"
	printf '.. kernel-abi:: ABI/testing\n   :rst:\n'
} >"$S/Documentation/abi.rst"
{
	title "In files of the kernel"
	for f in "${touched[@]}"; do
		names=$(documented "$f" | tr '\n' ' ')
		[[ -z $names ]] ||
			printf '.. kernel-doc:: %s\n   :identifiers: %s\n\n' "$f" "$names"
	done
} >"$S/Documentation/patched.rst"

# -- made by the kernel's Makefile -----------------------------------------------

unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
# The specifications of netlink would be written into the source.
status=0
make -C "$S" "O=$D/obj" YNL_INDEX= SPHINXOPTS="-q -j1" htmldocs \
	>"$log" 2>&1 </dev/null || status=$?
((status == 0)) || tail -n 15 "$log" >&2
check_that "make htmldocs" test "$status" = 0
[[ ! -d $D/obj/Documentation/output ]] ||
	mv "$D/obj/Documentation/output" "$html"

# Lines with a warning, and the indented ones that go on with it: "FILE<tab>LINE".
# The file is the last one that is named before the word; paths are of the kernel.
warnings() {
	sed -e "s,$S/,,g" -e "s,$R/,,g" -e 's,\./,,g' \
		-e 's,^Warning: file \(.*\)#\([0-9]*\):$,\1:\2: warning: of get_abi.pl,' "$log" | awk '
		match($0, /(WARNING|ERROR|CRITICAL|SEVERE|[Ww]arning|[Ee]rror): /) {
			n = split(substr($0, 1, RSTART - 1), part, /: */)
			file = "-"
			for (i = 1; i <= n; i++)
				if (part[i] ~ /\// && part[i + 1] ~ /^([0-9]+|)$/) {
					file = part[i]
					sub(/#.*/, "", file)
				}
			print file "\t" $0
			next
		}
		/^[[:space:]]+[^[:space:]]/ {
			sub(/^[[:space:]]+/, "    ")
			if (file != "") print file "\t" $0
			next
		}
		{ file = "" }'
}

tmpdir htmldocs
warnings >"$TMP/warnings"

# silent FILE: nothing is said about it; what is comes with the verdict
silent() {
	local lines
	lines=$(awk -F '\t' -v file="$1" '$1 == file { sub(/^[^\t]*\t/, ""); print }' "$TMP/warnings")
	[[ -n $lines ]] || return 0
	say "    ${lines//$'\n'/$'\n'    }"
	return 1
}

mine=0
for f in "${documents[@]}" "${abi[@]}" "${sources[@]}" Documentation/{index,abi,patched}.rst; do
	n=$(awk -F '\t' -v file="$f" '$1 == file && $2 !~ /^ / { n++ } END { print n + 0 }' "$TMP/warnings")
	mine=$((mine + n))
	case $f in
	Documentation/abi.rst | Documentation/index.rst) ((n)) || continue ;;
	*.[ch]) grep -q '^/\*\*$' "$R/$f" || continue ;;
	esac
	check_that "no warning about ${f/Documentation\/patched.rst/what patches document}" silent "$f"
done

# Of a file that is not ours kernel-doc says no more than before.
said() {
	(cd "$1" && perl scripts/kernel-doc -none "$2" 2>&1 | sed -E 's/:[0-9]+:/:/' | sort)
}
no_more() {
	local lines
	lines=$(comm -13 <(said "$U" "$1") <(said "$R" "$1"))
	[[ -n $lines ]] || return 0
	say "    ${lines//$'\n'/$'\n'    }"
	return 1
}
more=()
for f in "${touched[@]}"; do
	! grep -q '^[[:space:]]*/\*\*$' "$R/$f" || no_more "$f" || more+=("$f")
done
check_that "patches add no warning of kernel-doc${more[*]:+: ${more[*]}}" test "${#more[@]}" = 0

# -- what Sphinx does not say ------------------------------------------------------

# Listed where readers look for it, and made.
for f in "${documents[@]}"; do
	check_that "$(dirname "$f")/index.rst lists $(basename "$f" .rst)" \
		grep -qxE " +$(basename "$f" .rst)" "$R/$(dirname "$f")/index.rst"
	page=${f#Documentation/}
	check_that "there is ${page%.rst}.html" test -s "$html/${page%.rst}.html"
done

# What has comments for kernel-doc has them in a document.
for f in "${sources[@]}"; do
	grep -q '^/\*\*$' "$R/$f" || continue
	check_that "a document has the comments of $f" \
		grep -qxF ".. kernel-doc:: $f" "${documents[@]/#/$R/}"
done

# Documents that ours name, and comments, and added lines of patches.
lost=()
while read -r f; do
	[[ -e $R/$f || -e $R/$f.rst ]] || lost+=("$f")
done < <({
	(cd "$R" && cat "${own[@]}")
	while read -r f; do
		grep '^+' "$PATCHES/$f" || true
	done < <(series)
} | grep -ohE '\bDocumentation/[A-Za-z0-9_/.-]+[A-Za-z0-9_]' | sort -u)
check_that "documents that are named exist${lost[*]:+: not ${lost[*]}}" test "${#lost[@]}" = 0

others=$(($(awk -F '\t' '$2 !~ /^ / { n++ } END { print n + 0 }' "$TMP/warnings") - mine))
say "$others warnings about others; all that was said is in $(rel "$log"), the pages in $(rel "$html")"
say "$passed passed, $failed failed"
((failed == 0))
