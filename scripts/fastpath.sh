#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Do the fast paths execute what they execute in unmodified Linux?
#
#	fastpath.sh [LIST]
#
# Compares the machine code of the functions in LIST (tests/fastpath.list)
# between build/obj-unmodified and build/obj-reserve, which are built if need
# be.  See fastpath.py for what is compared and what is not.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

if [[ $# -gt 1 || ${1:-} == -* ]]; then
	say "usage: scripts/fastpath.sh [LIST]" >&2
	exit 2
fi
list=${1:-$ROOT/tests/fastpath.list}
[[ -f $list ]] || die "$list does not exist: name a file with lines of 'object function'"

need python3 objdump
lock kernel
for label in unmodified reserve; do
	[[ -f $BUILD/kernels/$label/bzImage ]] ||
		die "there is no $label kernel to compare: run 'make kernel-$label'"
done
python3 "$ROOT/scripts/fastpath.py" "$BUILD/obj-unmodified" "$BUILD/obj-reserve" "$list"
