#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# clean.sh [--all]: remove what was built.  The compiler cache stays, and so
# does a patched tree that holds edits, unless --all is given; then only the
# edits stop it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

[[ -d $BUILD ]] || exit 0
if [[ -f $R/.reserve/files ]]; then
	need quilt
	edits=$("$(dirname "$0")/tree.sh" --edits | paste -sd ' ')
	[[ -z $edits ]] ||
		die "$(rel "$R") holds edits that are in no patch ($edits): run 'make refresh', or 'scripts/tree.sh --discard reserve', first"
fi
case ${1:-} in
--all) rm -rf -- "$BUILD" ;;
'') find "$BUILD" -mindepth 1 -maxdepth 1 ! -name ccache -exec rm -rf -- {} + ;;
*)
	say "usage: scripts/clean.sh [--all]" >&2
	exit 2
	;;
esac
