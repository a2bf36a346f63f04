# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# An iSCSI target of one file, by the kernel's own (LIO).
(
set -e
fallocate -l 1G /srv/iscsi.img
modprobe iscsi_target_mod
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
cd /sys/kernel/config
mkdir -p target/iscsi
disk=target/core/fileio_0/netswap
mkdir -p $disk
echo "fd_dev_name=/srv/iscsi.img,fd_dev_size=$((1 << 30))" >$disk/control
echo 1 >$disk/enable
tpg=target/iscsi/iqn.2026-01.com.example:netswap/tpgt_1
mkdir -p $tpg/lun/lun_0 $tpg/np/192.0.2.1:3260
ln -s "$PWD/$disk" $tpg/lun/lun_0/disk
echo 0 >$tpg/attrib/authentication
echo 1 >$tpg/attrib/generate_node_acls
echo 1 >$tpg/attrib/cache_dynamic_acls
echo 0 >$tpg/attrib/demo_mode_write_protect
echo 1 >$tpg/enable
)
