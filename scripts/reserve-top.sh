#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# build/reserve-top and build/reserve-daemon, of tools/mm/ alone: no tree and no
# kernel are needed for them.
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
for name in reserve-top reserve-daemon; do
	gcc "${flags[@]}" -Wall -Wextra -o "$TMP/$name" "$ROOT/tools/mm/$name.c" ||
		die "tools/mm/$name.c does not compile"
	mv -f "$TMP/$name" "$BUILD/$name"
	say "$name: $(rel "$BUILD/$name")"
done
