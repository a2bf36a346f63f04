# SPDX-License-Identifier: GPL-2.0
"""Over what a guest can swap: the servers in a second guest, and what each end needs for it."""

from dataclasses import dataclass, field

from . import guestfs
from .server import GuestServer, NbdServer, ProgramServer

NQN = "nqn.2026-01.org.reserve:swap"
IQN = "iqn.2026-01.org.reserve:swap"
CONFIGFS = "/sys/kernel/config"
NOBODY = "02:00:00:00:00:01"    # an Ethernet address that no guest has
CLIENT = "10.0.9.1"


class KernelServer(GuestServer):
    """
    One that has no process to stop: what it sends goes to nobody's Ethernet
    address instead, and the flood of the same guest goes on.
    """

    def pause(self) -> None:
        self.shell(f"arp -s {CLIENT} {NOBODY}")

    def resume(self) -> None:
        self.shell(f"arp -d {CLIENT}")


class NvmeServer(KernelServer):
    """nvmet, set up by configfs. It ends its connections when its port has no subsystem."""

    port = 4420
    ports = (4420,)

    def prepare(self) -> None:
        where = f"{CONFIGFS}/nvmet/subsystems/{NQN}"
        self.shell(f"mount -t configfs none {CONFIGFS} && mkdir {where} {where}/namespaces/1 && "
                   f"echo 1 >{where}/attr_allow_any_host && cd {where}/namespaces/1 && "
                   f"echo -n {self.export} >device_path && echo 1 >buffered_io && echo 1 >enable")
        for number, port in enumerate(self.ports, 1):
            values = {"trtype": "tcp", "adrfam": "ipv4", "traddr": "0.0.0.0", "trsvcid": str(port)}
            self.shell(f"mkdir {self._port(number)} && cd {self._port(number)} && "
                       + " && ".join(f"echo {value} >addr_{key}" for key, value in values.items()))
        for number in range(2, len(self.ports) + 1):
            self._link(number)

    @staticmethod
    def _port(number: int) -> str:
        return f"{CONFIGFS}/nvmet/ports/{number}"

    def _link(self, number: int) -> None:
        self.shell(f"ln -s {CONFIGFS}/nvmet/subsystems/{NQN} {self._port(number)}/subsystems/")

    def kill(self) -> None:
        self.shell(f"rm {self._port(1)}/subsystems/{NQN}")

    def restart(self) -> None:
        self._link(1)


class NvmePathsServer(NvmeServer):
    """The same behind two ports, the first of which comes and goes."""

    ports = (4420, 4421)


class LioServer(KernelServer):
    """LIO, set up by configfs. A portal group that is not enabled has no sessions."""

    port = 3260
    group = f"{CONFIGFS}/target/iscsi/{IQN}/tpgt_1"

    def prepare(self) -> None:
        store, lun = f"{CONFIGFS}/target/core/fileio_0/swap", f"{self.group}/lun/lun_0"
        self.shell(f"mount -t configfs none {CONFIGFS} && mkdir -p {store} && "
                   f"echo fd_dev_name={self.export},fd_dev_size={self.size_mb << 20} "
                   f">{store}/control && echo 1 >{store}/enable")
        self.shell(f"mkdir {CONFIGFS}/target/iscsi; mkdir -p {self.group}/np/0.0.0.0:{self.port} "
                   f"{lun} && ln -s {store} {lun}/swap")
        values = {"authentication": 0, "generate_node_acls": 1, "demo_mode_write_protect": 0,
                  "cache_dynamic_acls": 1}
        self.shell(" && ".join(f"echo {value} >{self.group}/attrib/{key}"
                               for key, value in values.items()))

    def kill(self) -> None:
        self.shell(f"echo 0 >{self.group}/enable")

    def restart(self) -> None:
        self.shell(f"echo 1 >{self.group}/enable")


class TgtServer(ProgramServer):
    port = 3260
    program = "tgtd"

    def restart(self) -> None:
        admin = "tgtadm --lld iscsi --tid 1 --op"
        self.shell("tgtd && for i in 1 2 3 4 5 6 7 8 9; do tgtadm --op show --mode sys "
                   ">/dev/null 2>&1 && break; sleep 1; done; "
                   f"{admin} new --mode target -T {IQN} && "
                   f"{admin} new --mode logicalunit --lun 1 -b {self.export} && "
                   f"{admin} bind --mode target -I ALL")


class NfsServer(KernelServer):
    """
    The kernel's NFS server, version 4.2. The answers that mountd would give the
    kernel are given once and for good, and last beyond a restart.
    """

    port = 2049
    export = "/run/export/swap"
    flags = 0x2000 | 0x0400 | 0x0010 | 0x0002   # fsid=, no_subtree_check, async, insecure

    def prepare(self) -> None:
        forever = (1 << 31) - 1
        answers = {"auth.unix.ip": f"nfsd {CLIENT} {forever} rig",
                   "nfsd.export": f"rig /run/export {forever} {self.flags} 0 0 0",
                   "nfsd.fh": rf"rig 1 \x00000000 {forever} /run/export"}
        # A kernel with CONFIG_NFSD_LEGACY_CLIENT_TRACKING keeps there who its clients were;
        # without, they open their files again once the grace is over.
        self.shell("mkdir -p /var/lib/nfs/v4recovery; mount -t nfsd none /proc/fs/nfsd && "
                   "echo 10 >/proc/fs/nfsd/nfsv4leasetime && "
                   "echo 10 >/proc/fs/nfsd/nfsv4gracetime && echo '-3 +4' >/proc/fs/nfsd/versions")
        self.answers = " && ".join(f"printf '%s\\n' '{answer}' >/proc/net/rpc/{cache}/channel"
                                   for cache, answer in answers.items())
        # Swap has to have no holes, and a file of tmpfs may.
        self.shell(f"rm {self.export}; fallocate -l {self.size_mb << 20} {self.export}")
        # Nobody has anything to claim from a server that never was.
        self.grace = "&& (echo Y >/proc/fs/nfsd/v4_end_grace || sleep 11)"

    def kill(self) -> None:
        self.shell("echo 0 >/proc/fs/nfsd/threads")

    def restart(self) -> None:
        self.shell(f"{self.answers} && echo 8 >/proc/fs/nfsd/threads {self.grace}")
        self.grace = ""


class TunnelServer(NbdServer):
    """nbd-server behind WireGuard, whose packets are all that the network has of it."""

    address = "10.0.10.2"

    def prepare(self) -> None:
        super().prepare()
        self.shell("sh /rig/setup")


class KtlsServer(NbdServer):
    """nbd-server behind a relay, whose kernel has the other end of the guest's TLS."""

    port = 10810
    behind = 10809

    def prepare(self) -> None:
        super().prepare()
        self.shell(f"sed -i s/{self.port}/{self.behind}/ /run/nbd.conf; "
                   f"/init ktls {self.port} {self.behind} >/dev/null 2>&1 &")


class TwoServers(NbdServer):
    """On two ports, with one export; the first of them is what faults are about."""

    second = NbdServer.export

    def prepare(self) -> None:
        super().prepare()
        # By another name, killall does not find it.
        self.shell(f"sed 's/{self.port}/{self.port + 1}/; s,{self.export},{self.second},' "
                   f"/run/nbd.conf >/run/second.conf; truncate -s {self.size_mb}M {self.second}; "
                   "cp $(which nbd-server) /bin/nbd-second; "
                   "nbd-second -C /run/second.conf -p /run/second.pid")


class MirrorServers(TwoServers):
    second = "/run/mirror.img"


class NbdkitServer(ProgramServer):
    program = "nbdkit"
    more = ""

    def restart(self) -> None:
        self.shell(f"nbdkit --exportname swap --port {self.port} --threads 8 --pidfile /run/nbd.pid"
                   f" {self.more} file {self.export}")


class TlsServer(NbdkitServer):
    """It takes no connection without TLS."""

    more = f"--tls=require --tls-certificates={guestfs.TLS}"


@dataclass(frozen=True)
class Transport:
    about: str
    server: type[GuestServer] = NbdServer
    client: str = "nbd"                 # what the guest's init calls it
    options: frozenset[str] = frozenset()           # of the kernel of the guest that swaps
    server_options: frozenset[str] = frozenset()    # and of the other one
    parts: tuple[str, ...] = ()         # of the client's initramfs, which stay there
    server_parts: tuple[str, ...] = ()
    args: dict[str, str] = field(default_factory=dict)

    @property
    def daemon(self) -> bool:
        """In the guest that swaps, with a reserve of its own."""
        return self.client in ("iscsi", "tls")

    @property
    def initrd(self) -> str:
        """With nbd-client only where that is used: the rig's own has several connections."""
        base = "client" if self.client == "nbd" and "connections" not in self.args else "plain"
        return "+".join((base, *self.parts))

    @property
    def server_initrd(self) -> str:
        return "+".join(("server", *self.server_parts))


WIREGUARD = frozenset({"CONFIG_WIREGUARD"})
KTLS = frozenset({"CONFIG_TLS"})
UNIX = frozenset({"CONFIG_UNIX"})
NVME = frozenset({"CONFIG_NVME_TCP"})
NVME_TARGET = frozenset({"CONFIG_NVME_TARGET_TCP"})
ISCSI = frozenset({"CONFIG_ISCSI_TCP", "CONFIG_BLK_DEV_SD"})
TABLE = {
    "nbd": Transport("NBD, from nbd-server"),
    "nbdkit": Transport("NBD with four connections, from nbdkit", NbdkitServer,
                        server_parts=("nbdkit",), args={"connections": "4"}),
    "tls": Transport("NBD through TLS, from nbdkit", TlsServer, "tls", UNIX, parts=("tls",),
                     server_parts=("nbdkit", "tls-server")),
    "ktls": Transport("NBD through TLS by the kernel, from nbd-server", KtlsServer,
                      options=KTLS, server_options=KTLS, args={"connections": "1", "ktls": "1"}),
    "wireguard": Transport("NBD through WireGuard, from nbd-server", TunnelServer,
                           options=WIREGUARD, server_options=WIREGUARD, parts=("wireguard",),
                           server_parts=("wireguard-peer",), args={"connections": "1"}),
    "raid1": Transport("md RAID1 over NBD from two nbd-servers", MirrorServers, "raid",
                       frozenset({"CONFIG_MD_RAID1"})),
    "multipath": Transport("dm-multipath over NBD from two nbd-servers", TwoServers, "paths",
                           frozenset({"CONFIG_DM_MULTIPATH"})),
    "nvme": Transport("NVMe/TCP, from nvmet", NvmeServer, "nvme", NVME, NVME_TARGET),
    "nvme-paths": Transport("NVMe/TCP by two paths, from nvmet", NvmePathsServer, "nvme",
                            NVME | {"CONFIG_NVME_MULTIPATH"}, NVME_TARGET,
                            args={"connections": "2"}),
    "iscsi": Transport("open-iscsi, from the kernel's target", LioServer, "iscsi",
                       ISCSI, frozenset({"CONFIG_ISCSI_TARGET", "CONFIG_TCM_FILEIO"}),
                       parts=("iscsi",)),
    "iscsi-tgt": Transport("open-iscsi, from tgt", TgtServer, "iscsi", ISCSI, parts=("iscsi",),
                           server_parts=("tgt",)),
    "nfs": Transport("a file on NFS 4.2, from the kernel's server", NfsServer, "nfs",
                     frozenset({"CONFIG_NFS_V4_2", "CONFIG_NFS_SWAP"}),
                     frozenset({"CONFIG_NFSD_V4"})),
}
