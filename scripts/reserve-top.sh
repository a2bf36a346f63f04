#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# build/reserve-top, of tools/mm/reserve-top.c alone: no tree and no kernel are
# needed for it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

(($# == 0)) || {
	say "usage: scripts/reserve-top.sh" >&2
	exit 2
}
need gcc
tmpdir top
read -ra flags <<<"${CFLAGS:--O2}"
gcc "${flags[@]}" -Wall -Wextra -o "$TMP/reserve-top" "$ROOT/tools/mm/reserve-top.c" ||
	die "tools/mm/reserve-top.c does not compile"
mv -f "$TMP/reserve-top" "$BUILD/reserve-top"
say "reserve-top: $(rel "$BUILD/reserve-top")"
