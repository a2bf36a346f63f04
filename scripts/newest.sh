#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Where the series stops to apply on the newest kernel source that Debian has:
#
#	newest.sh [TARBALL]
#
# Looks for the package in the archive's unstable part, or takes a tarball of a
# kernel.  Pushes one patch after the other without fuzz, leaves out those that do
# not apply, and names their hunks.  It tells, and judges nothing.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

[[ $# -le 1 ]] || {
	say "usage: scripts/newest.sh [TARBALL]" >&2
	exit 2
}
need patch tar xz
MIRROR=${MIRROR:-http://deb.debian.org/debian}
out=$BUILD/newest
mkdir -p "$out"/{lists,archives}/partial

# An archive of its own, beside what the machine has.
apt() {
	local command=$1
	shift
	"apt-$command" -q -o "Dir::Etc::sourcelist=$out/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o "Dir::State::lists=$out/lists" -o "Dir::Cache=$out" -o APT::Sandbox::User=root \
		-o Acquire::Languages=none "$@"
}

# fetch: the newest package's tarball, in $tarball
fetch() {
	local name deb
	need apt-get apt-cache dpkg-deb
	say "deb $MIRROR unstable main" >"$out/sources.list"
	apt get update >"$out/log" 2>&1 ||
		die "the list of $MIRROR cannot be had, see $(rel "$out/log"): name a tarball instead"
	name=$(apt cache pkgnames linux-source- | grep -E '^linux-source-[0-9.]+$' | sort -V | tail -n 1) || name=
	[[ -n $name ]] || die "$MIRROR has no package linux-source-*: name a tarball instead"
	(cd "$out" && rm -f ./*.deb && apt get download "$name" >>log 2>&1) ||
		die "$name cannot be had from $MIRROR, see $(rel "$out/log")"
	deb=$(find "$out" -maxdepth 1 -name "${name}_*.deb")
	tarball=$out/$name.tar.xz
	say "newest: $(basename "$deb")"
	dpkg-deb --fsys-tarfile "$deb" | tar -xO "./usr/src/$name.tar.xz" >"$tarball"
	rm -f "$deb"
}

tarball=${1:-}
[[ -n $tarball ]] || fetch
[[ -f $tarball ]] || die "there is no tarball $tarball"
tmpdir newest
mkdir "$TMP/tree"
patched_files "$PATCHES" >"$TMP/files"
# Its first folder has any name, and what the newest kernel no longer has is missing.
tar -tf "$tarball" >"$TMP/all" || die "$tarball is no tarball of a kernel"
top=$(head -n 1 "$TMP/all" | cut -d/ -f1)
{ say Makefile; cat "$TMP/files"; } | sort -u | sed "s,^,$top/," >"$TMP/wanted"
grep -xFf "$TMP/wanted" "$TMP/all" >"$TMP/there" || die "$tarball has none of the files: is it a kernel?"
tar -xf "$tarball" -C "$TMP/tree" --strip-components=1 -T "$TMP/there"
version=$(kernel_version "$TMP/tree") || die "$tarball is no kernel: it has no Makefile with a version"

good=0 bad=0 first=
while read -r p; do
	if (cd "$TMP/tree" && patch -p1 --dry-run --fuzz=0 -f -N <"$PATCHES/$p") >"$TMP/log" 2>&1; then
		(cd "$TMP/tree" && patch -p1 --fuzz=0 -f -N -s <"$PATCHES/$p") >/dev/null
		good=$((good + 1))
		continue
	fi
	bad=$((bad + 1))
	hunks=$(awk '/^checking file/ { f = $3 }
		/^Hunk #[0-9]+ FAILED/ { sub("#", "", $2); out = out ", " f " hunk " $2 }
		/^can.t find file to patch/ { out = out ", a file is gone" }
		/^\|--- a\// { sub("a/", "", $2); if (out ~ /a file is gone$/) out = out " (" $2 ")" }
		END { print substr(out, 3) }' "$TMP/log")
	say "does not apply: $p: ${hunks:-see it by hand}"
	first=${first:-$p ($hunks)}
done < <(series)
say "Linux $version: $good of $((good + bad)) patches apply without fuzz, each on those before it that do"
[[ -z $first ]] || say "the series stops at $first"
