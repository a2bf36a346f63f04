# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A subsystem of NVMe/TCP with one file, by the kernel's nvmet.
(
set -e
fallocate -l 1G /srv/nvme.img
modprobe nvmet-tcp
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
cd /sys/kernel/config/nvmet
subsystem=subsystems/nqn.2026-01.com.example:netswap
mkdir -p $subsystem/namespaces/1 ports/1
echo 1 >$subsystem/attr_allow_any_host
echo /srv/nvme.img >$subsystem/namespaces/1/device_path
echo 1 >$subsystem/namespaces/1/enable
echo tcp >ports/1/addr_trtype
echo ipv4 >ports/1/addr_adrfam
echo 192.0.2.1 >ports/1/addr_traddr
echo 4420 >ports/1/addr_trsvcid
ln -s "$PWD/$subsystem" ports/1/subsystems/nqn.2026-01.com.example:netswap
)
