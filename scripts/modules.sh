#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build the modules of tests/modules for a kernel that 'make kernel-<label>'
# has built:
#
#	modules.sh unmodified|reserve|debug|rt
#
# They are made from a copy, in build/modules/<label>, with the compiler's
# extra warnings, each of which is an error.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

if [[ $# != 1 || -z ${1:-} || -z ${TREE[${1:-none}]:-} ]]; then
	say "usage: scripts/modules.sh unmodified|reserve|debug|rt" >&2
	exit 2
fi
label=$1
src=$ROOT/tests/modules
out=$BUILD/modules/$label
log=$BUILD/logs/modules-$label.log

need make gcc rsync flock
lock kernel
[[ -f $BUILD/kernels/$label/bzImage && -f $BUILD/obj-$label/Module.symvers ]] ||
	die "there is no $label kernel that modules could be built for: run 'make kernel-$label'"
mkdir -p "$out" "$BUILD/logs"
# What is no more in the repository goes; what the build made stays.
for f in "$out"/*.c "$out"/*.h; do
	[[ ! -f $f || $f == *.mod.c || -f $src/${f##*/} ]] || rm -f "$f" "${f%.?}".*
done
rsync -a --checksum "$src/" "$out/"

kmake_for "$label"
if ! "${kmake[@]}" "M=$out" W=1 KBUILD_MODPOST_WARN= modules >"$log" 2>&1 </dev/null; then
	grep -E '(error:|ERROR:|undefined)' "$log" | head -n 10 >&2 || tail -n 10 "$log" >&2
	die "the modules do not build for the $label kernel; all of the output is in $(rel "$log")"
fi
# modpost and the linker only warn.
if grep -iE '(^|[^a-z-])warning:' "$log" >&2; then
	# Nobody runs what drew a warning.
	rm -f "$out"/*.ko
	die "the modules draw warnings for the $label kernel; all of the output is in $(rel "$log")"
fi
for f in "$out"/*.ko; do
	[[ -f $f ]] || die "no module was built; all of the output is in $(rel "$log")"
	say "module $label: $(rel "$f")"
done
