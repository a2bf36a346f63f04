#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Does the administrator's guide work as it is printed?
#
#	guide.sh [--deb] [WAY...]	nbd iscsi nvme nfs nbd-fstab iscsi-fstab
#
# Makes a Debian 12 of two roles once, below build/guide/, boots a client and a
# server with our kernel, and runs the commands of "Swap on the network in five
# minutes" there, line by line: see tests/guide/guide. With --deb the kernel is
# the package that 'make deb' has built, installed there with its modules and
# an initramfs.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin:/sbin

KERNEL=${KERNEL:-$BUILD/kernels/reserve-full}
OBJ=${OBJ:-$BUILD/obj-reserve-full}
guide=$ROOT/tests/guide
out=$BUILD/guide
image=$out/image
deb=''
made_by=kernel-reserve-full
packages=(systemd systemd-sysv udev dbus kmod procps iproute2 ifupdown iputils-ping
	e2fsprogs nbd-client nbd-server open-iscsi nvme-cli nfs-common nfs-kernel-server)

# inside TREE: what is done to the new system before it becomes an image
inside() {
	local tree=$1
	install -m 755 "$guide/guest/agent" "$tree/usr/local/sbin/agent"
	install -m 644 "$guide/guest/agent.service" "$tree/etc/systemd/system/agent.service"
	ln -sf /lib/systemd/system/graphical.target "$tree/etc/systemd/system/default.target"
	mkdir -p "$tree/etc/systemd/system/graphical.target.wants" "$tree/var/log/journal"
	ln -sf ../agent.service "$tree/etc/systemd/system/graphical.target.wants/agent.service"
	printf '127.0.0.1 localhost\n192.0.2.1 server.example.com server\n192.0.2.2 client.example.com client\n' \
		>"$tree/etc/hosts"
	# So that the names that are made at installation are not those of the host.
	rm -f "$tree/etc/hostname" "$tree/etc/resolv.conf"
	if [[ -n $deb ]]; then
		cp "$deb" "$tree/kernel.deb"
		chroot "$tree" dpkg -i /kernel.deb
		rm "$tree/kernel.deb"
	fi
	rm -rf "$tree"/var/lib/apt/lists/* "$tree"/var/cache/apt/*.bin "$tree"/var/cache/apt/archives/*.deb
	# What is mounted there is not of the image.
	# shellcheck disable=SC2016
	unshare --mount sh -c 'awk -v t="$1/" "index(\$2, t) == 1 { print \$2 }" /proc/mounts |
		sort -r | xargs -r umount -l
		mke2fs -q -t ext4 -L guide -m 0 -d "$1" "$2" 3G' sh "$tree" "$image.new"
}

# The image is made again when what goes into it has changed.
image_stamp() {
	{
		say "${packages[*]}"
		declare -f inside
		[[ -z $deb ]] || sha256sum <"$deb"
		cat "$guide"/guest/*
	} | sha256sum | cut -d' ' -f1
}

make_image() {
	local stamp
	stamp=$(image_stamp)
	[[ ! -f $image || $(cat "$image.stamp" 2>/dev/null) != "$stamp" ]] || return 0
	((EUID == 0)) || die "the image is made by root, once: run 'sudo make guide' the first time"
	say "guide: making a Debian 12 in $(rel "$image"), which takes some minutes"
	rm -f -- "$image" "$image.new"
	mmdebstrap --variant=minbase --include="$(IFS=, && say "${packages[*]}")" \
		--customize-hook="$ROOT/scripts/guide.sh ${deb:+--deb} --inside \"\$1\"" \
		bookworm /dev/null >"$BUILD/logs/guide-image.log" 2>&1 || {
		rm -f -- "$image.new"
		die "the image was not made, see $(rel "$BUILD/logs/guide-image.log")"
	}
	mv "$image.new" "$image"
	say "$stamp" >"$image.stamp"
}

if [[ ${1:-} == --deb ]]; then
	shift
	mapfile -t debs < <(compgen -G "$BUILD/kernels/deb/linux-image-*.deb")
	((${#debs[@]} == 1)) ||
		die "there are ${#debs[@]} packages linux-image-* in $(rel "$BUILD/kernels/deb"), and not one: run 'make deb'"
	deb=${debs[0]}
	image=$out/image-deb
	made_by=kernel-reserve
	packages+=(initramfs-tools zstd)
fi
if [[ ${1:-} == --inside ]]; then
	inside "$2"
	exit
fi
for way; do
	[[ $way =~ ^((nbd|iscsi)(-fstab)?|nvme|nfs)$ ]] || {
		say "usage: scripts/guide.sh [--deb] [nbd|iscsi|nvme|nfs|nbd-fstab|iscsi-fstab]..." >&2
		exit 2
	}
done
[[ -f $KERNEL/bzImage && ( -n $deb || -f $OBJ/modules.builtin ) ]] ||
	die "there is no kernel in $(rel "$KERNEL"), or not what it was built from: run 'make $made_by'"
missing=()
for tool in mmdebstrap mke2fs debugfs depmod; do
	command -v "$tool" >/dev/null || missing+=("$tool")
done
((${#missing[@]} == 0)) ||
	die "these are not installed: ${missing[*]}; they are in the packages mmdebstrap, e2fsprogs and kmod"
mkdir -p "$out" "$BUILD/logs"
lock guide
make_image
args=(--kernel "$KERNEL" --image "$image" --out "$out/runs${deb:+-deb}")
[[ -n $deb ]] || args+=(--obj "$OBJ")
exec nice "$guide/guide" "${args[@]}" "$@"
