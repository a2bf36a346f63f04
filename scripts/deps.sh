#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Install what is missing on a Debian 12 machine, as root or by sudo without
# a password; otherwise print the one command to run, and fail.
#
#	deps.sh [--check]	--check only reports
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

check=
case ${1:-} in
--check) check=1 ;;
'') ;;
*)
	say "usage: scripts/deps.sh [--check]" >&2
	exit 2
	;;
esac

# What is needed (a command, or a file by its path) and the package it is in.
# The last column says what for.
table() {
	cat <<-'END'
	make			make			builds
	gcc			gcc			builds
	/usr/include/stdio.h	libc6-dev		builds
	/usr/include/asm-generic/errno.h linux-libc-dev	builds
	ld			binutils		builds
	bc			bc			builds
	bison			bison			builds
	flex			flex			builds
	/usr/include/libelf.h	libelf-dev		builds
	/usr/include/openssl/ssl.h libssl-dev		builds
	cpio			cpio			builds
	depmod			kmod			builds
	perl			perl			builds
	python3			python3			builds
	ccache			ccache			builds
	flock			util-linux		builds
	xz			xz-utils		tree
	rsync			rsync			tree
	quilt			quilt			tree
	patch			patch			tree
	qemu-system-x86_64	qemu-system-x86		rig
	/usr/share/seabios/bios-256k.bin seabios	rig
	/usr/lib/ipxe/qemu/pxe-virtio.rom ipxe-qemu	rig
	nbd-server		nbd-server		rig
	nbd-client		nbd-client		rig
	nbdkit			nbdkit			rig
	openssl			openssl			rig
	busybox			busybox-static		rig
	stress-ng		stress-ng		rig
	iscsid			open-iscsi		rig
	tgtd			tgt			rig
	wg			wireguard-tools		rig
	ip			iproute2		rig
	gnuplot			gnuplot-nox		rig
	rsvg-convert		librsvg2-bin		rig
	shellcheck		shellcheck		style
	rst2pseudoxml		python3-docutils	style
	sphinx-build		python3-sphinx		style
	sparse			sparse			style
	spatch			coccinelle		style
	spin			spin			style
	END
	# The kernel's own source, unless another is named.
	if [[ $KERNEL_SRC == "$DEBIAN_SRC" ]]; then
		printf '%s\t%s\t%s\n' "$DEBIAN_SRC" linux-source-6.12 tree
	fi
}

PATH=$PATH:/usr/sbin:/sbin

present() {
	# For the tests of this script: pretend that some are missing.
	[[ " ${DEPS_MISSING:-} " != *" $1 "* ]] || return 1
	case $1 in
	/*) [[ -e $1 ]] ;;
	# Debian's minimal ones have no standard library.
	perl) perl -MPOSIX -MTerm::ANSIColor -e 1 2>/dev/null ;;
	python3) [[ -x /usr/bin/python3 ]] && /usr/bin/python3 -c 'import tomllib, unittest' 2>/dev/null ;;
	# The guest has no libraries, so it must be the static one.
	busybox) [[ -x /bin/busybox ]] && ! ldd /bin/busybox >/dev/null 2>&1 ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

missing() {
	local what package
	packages=()
	lacking=()
	while read -r what package _; do
		present "$what" && continue
		lacking+=("$what")
		[[ " ${packages[*]} " == *" $package "* ]] || packages+=("$package")
	done < <(table)
}

missing
if ((${#packages[@]} == 0)); then
	say "deps: all $(table | wc -l) tools are installed"
	exit 0
fi
install="apt-get install -y --no-install-recommends ${packages[*]}"
if [[ -n $check ]]; then
	warn "missing: ${lacking[*]}"
	die "run 'make deps', or as root: apt-get update && $install"
fi

command -v apt-get >/dev/null ||
	die "missing: ${lacking[*]}; this is no Debian, so install them by hand"
as_root=()
if ((EUID != 0)); then
	if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
		as_root=(sudo -n)
	else
		warn "missing: ${lacking[*]}"
		die "run this as root: apt-get update && $install"
	fi
fi

say "deps: installing ${packages[*]}"
mkdir -p "$BUILD/logs"
log=$BUILD/logs/deps.log
apt() {
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q "$@" >>"$log" 2>&1 </dev/null
}
: >"$log"
if ! apt install --no-install-recommends "${packages[@]}"; then
	# The lists may be empty, or older than what the mirror has.
	apt update || {
		tail -n 10 "$log" >&2
		die "apt-get update failed; all of its output is in $(rel "$log")"
	}
	apt install --no-install-recommends "${packages[@]}" || {
		tail -n 10 "$log" >&2
		die "apt-get install failed; all of its output is in $(rel "$log")"
	}
fi
hash -r
missing
((${#packages[@]} == 0)) || die "still missing after the installation: ${lacking[*]}"
say "deps: all $(table | wc -l) tools are installed"
