# SPDX-License-Identifier: GPL-2.0
"""The guest's programs and its initramfs: the same bytes from the same input."""

import base64
import gzip
import os
import re
import subprocess
import threading
from functools import cache, partial
from pathlib import Path

from .errors import RigError
from .paths import RIG, WORK
from .procs import tool

CFLAGS = ["-O2", "-Wall", "-Wextra"]
STATIC, SHARED = ["-static"], ["-shared", "-fPIC"]
TLS = "/rig/tls"     # where both ends have their certificates
INITIATOR = "iqn.2026-01.org.reserve:client"
# Debian's, as far as it says what is not so anyway.
ISCSID_CONF = """\
node.startup = manual
node.session.timeo.replacement_timeout = 120
node.conn[0].timeo.noop_out_interval = 5
node.conn[0].timeo.noop_out_timeout = 5
node.session.initial_login_retry_max = 8
node.session.scan = auto
"""
FILE, DIRECTORY, DEVICE = 0o100000, 0o040000, 0o020000


_lock = threading.RLock()   # two runs may want the same file at the same time


class Archive:
    """A newc cpio archive, written in order, with fixed times and owners."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.known: set[str] = set()

    def _entry(self, name: str, mode: int, body: bytes, rdev: tuple[int, int] = (0, 0)) -> None:
        raw = name.encode() + b"\0"
        fields = [len(self.known) + 1, mode, 0, 0, 1, 0, len(body), 0, 0, *rdev, len(raw), 0]
        self.data += b"070701" + b"".join(b"%08X" % value for value in fields) + raw
        self._pad()
        self.data += body
        self._pad()
        self.known.add(name)

    def _pad(self) -> None:
        self.data += bytes(-len(self.data) % 4)

    def directory(self, name: str) -> None:
        parent = str(Path(name).parent)
        if parent not in (".", "/") and parent not in self.known:
            self.directory(parent)
        if name not in self.known:
            self._entry(name, DIRECTORY | 0o755, b"")

    def file(self, name: str, body: bytes, mode: int = 0o755) -> None:
        name = name.lstrip("/")
        if name in self.known:
            return
        if "/" in name:
            self.directory(str(Path(name).parent))
        self._entry(name, FILE | mode, body)

    def device(self, name: str, major: int, minor: int) -> None:
        self.directory(str(Path(name).parent))
        self._entry(name, DEVICE | 0o600, b"", (major, minor))

    def packed(self) -> bytes:
        self._entry("TRAILER!!!", 0, b"")
        return gzip.compress(bytes(self.data), 6, mtime=0)


def libraries(program: str) -> list[str]:
    """What the dynamic linker would load, itself included."""
    out = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return sorted(set(re.findall(r"(/\S+) \(0x", out)))


def compiled(name: str, sources: list[Path], kind: list[str] = STATIC) -> Path:
    with _lock:
        return _compiled(name, sources, kind)


def _compiled(name: str, sources: list[Path], kind: list[str]) -> Path:
    target = WORK / name
    inputs = [*sources, *(RIG / "guest").glob("*.h")]
    if target.exists() and target.stat().st_mtime > max(p.stat().st_mtime for p in inputs):
        return target
    WORK.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(f".{os.getpid()}")
    done = subprocess.run([tool("gcc"), *CFLAGS, *kind, "-o", str(fresh), *map(str, sources)],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise RigError(f"{name} did not compile: {done.stderr.strip().splitlines()[0]}")
    fresh.rename(target)
    return target


def init_program() -> Path:
    return compiled("init", sorted((RIG / "guest").glob("*.c")))


def flood_program() -> Path:
    return compiled("flood", [RIG / "host" / "flood.c"])


def preloaded(name: str) -> Path:
    return compiled(f"{name}.so", [RIG / "guest" / "preload" / f"{name}.c"], SHARED)


def _bare() -> Archive:
    archive = Archive()
    for name in ("dev", "proc", "sys", "tmp", "run", "rig", "etc"):
        archive.directory(name)
    archive.device("dev/console", 5, 1)
    archive.file("init", init_program().read_bytes())
    return archive


def _base() -> Archive:
    archive = _bare()
    busybox = tool("busybox")
    if libraries(busybox):
        raise RigError("busybox is not static: install the package busybox-static")
    archive.file("bin/busybox", Path(busybox).read_bytes())
    return archive


def _add_program(archive: Archive, name: str, where: str) -> list[str]:
    path = tool(name)
    archive.file(where, Path(path).read_bytes())
    return [where, *_add_libraries(archive, path)]


def _add_libraries(archive: Archive, program: str) -> list[str]:
    files = libraries(program)
    for library in files:
        archive.file(library, Path(library).read_bytes())
    return files


def _with_client(*keep: str) -> Archive:
    archive = _base()
    files = _add_program(archive, "nbd-client", "/usr/sbin/nbd-client")
    # Deleted by init once the device is connected, busybox with it.
    text = "\n".join([*(path for path in files if path not in keep), "/bin/busybox", ""])
    archive.file("rig/disposable", text.encode(), 0o644)
    return archive


def _client() -> Archive:
    return _with_client()


def _stress() -> Archive:
    """Here a program is to run after that, and so its libraries stay."""
    archive = _with_client(*libraries(tool("stress-ng")))
    _add_program(archive, "stress-ng", "/usr/bin/stress-ng")
    return archive


def _local() -> Archive:
    """Swap is to a server in the same guest; it stays, and so do its files."""
    archive = _base()
    _add_nbdkit(archive)
    archive.file("rig/onfault.so", preloaded("onfault").read_bytes())
    return archive


def _add_nbdkit(archive: Archive) -> None:
    _add_program(archive, "nbdkit", "/usr/bin/nbdkit")
    told = subprocess.run([tool("nbdkit"), "--dump-config"], capture_output=True, text=True,
                          check=False).stdout
    folder = re.search(r"^plugindir=(.+)$", told, re.MULTILINE)
    plugin = Path(folder[1] if folder else "/") / "nbdkit-file-plugin.so"
    if not plugin.exists():
        raise RigError("nbdkit has no file plugin: install the package nbdkit")
    archive.file(str(plugin), plugin.read_bytes())
    _add_libraries(archive, str(plugin))


def _add_iscsi(archive: Archive) -> None:
    """open-iscsi, with the settings it comes with but for who starts iscsid."""
    for name in ("iscsid", "iscsiadm"):
        _add_program(archive, name, f"/sbin/{name}")
    archive.file("etc/iscsi/initiatorname.iscsi", f"InitiatorName={INITIATOR}\n".encode(), 0o644)
    archive.file("etc/iscsi/iscsid.conf", ISCSID_CONF.encode(), 0o644)
    archive.file("etc/passwd", b"root:x:0:0::/:/bin/sh\n", 0o644)    # it asks who talks to it
    for name in ("nodes", "send_targets", "ifaces"):
        archive.directory(f"etc/iscsi/{name}")
    archive.directory("run/lock/iscsi")


def _add_tgt(archive: Archive) -> None:
    for name in ("tgtd", "tgtadm"):
        _add_program(archive, name, f"/usr/sbin/{name}")
    archive.directory("var/run")


def _add_wireguard(archive: Archive, own: int, peer: int) -> None:
    """Two guests, 10.0.9.OWN and PEER on their cable; 10.0.10 is what goes through it."""
    _add_program(archive, "wg", "/usr/bin/wg")
    keys = {number: base64.b64encode(bytes([number] * 32)) + b"\n" for number in (own, peer)}
    public = subprocess.run([tool("wg"), "pubkey"], input=keys[peer], capture_output=True,
                            check=True).stdout.decode().strip()
    archive.file("rig/key", keys[own], 0o600)
    archive.file("rig/setup", f"""\
PATH=/usr/bin
ip="/bin/busybox ip"
$ip link add wg0 type wireguard &&
wg set wg0 private-key /rig/key listen-port 51820 peer {public} \\
	allowed-ips 10.0.10.{peer}/32 endpoint 10.0.9.{peer}:51820 &&
$ip addr add 10.0.10.{own}/24 dev wg0 && $ip link set wg0 up
""".encode())


def _certificate() -> Path:
    """One that signs itself, and is made once: a folder with it and its key."""
    folder = WORK / "tls"
    if not (folder / "cert.pem").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([tool("openssl"), "req", "-x509", "-newkey", "ec", "-nodes", "-days", "3650",
                        "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=swap",
                        "-addext", "subjectAltName=DNS:swap", "-keyout", str(folder / "key.pem"),
                        "-out", str(folder / "fresh.pem")], capture_output=True, check=True)
        (folder / "fresh.pem").rename(folder / "cert.pem")
    return folder


def _add_tls(archive: Archive) -> None:
    """nbd-client, which stays, and whom it is to believe."""
    _add_program(archive, "nbd-client", "/usr/sbin/nbd-client")
    archive.file("rig/locked.so", preloaded("locked").read_bytes())
    archive.file(f"{TLS}/ca-cert.pem", (_certificate() / "cert.pem").read_bytes(), 0o644)


def _add_tls_server(archive: Archive) -> None:
    for name, source in (("ca-cert", "cert"), ("server-cert", "cert"), ("server-key", "key")):
        archive.file(f"{TLS}/{name}.pem", (_certificate() / f"{source}.pem").read_bytes(), 0o600)


def _server() -> Archive:
    archive = _base()
    _add_program(archive, "nbd-server", "/usr/bin/nbd-server")
    _add_program(archive, "tc", "/sbin/tc")
    archive.file("bin/flood", flood_program().read_bytes())
    return archive


def _empty() -> Archive:
    """A root file system with nothing to run: for the test of a failed boot."""
    archive = Archive()
    archive.directory("dev")
    return archive


def module_initramfs(target: Path, modules: list[Path], plan: list[str]) -> Path:
    """Init and some modules, with the lines that tell it what to do with them."""
    archive = _bare()
    for module in modules:
        archive.file(f"rig/{module.name}", module.read_bytes(), 0o644)
    archive.file("rig/plan", "".join(f"{line}\n" for line in plan).encode(), 0o644)
    target.write_bytes(archive.packed())
    return target


VARIANTS = {"client": _client, "local": _local, "stress": _stress, "server": _server,
            "empty": _empty, "plain": _base}
# What some of the transports need beside that: "server+tgt" is a server with tgtd.
PARTS = {"nbdkit": _add_nbdkit, "iscsi": _add_iscsi, "tgt": _add_tgt,
         "tls": _add_tls, "tls-server": _add_tls_server,
         "wireguard": partial(_add_wireguard, own=1, peer=2),
         "wireguard-peer": partial(_add_wireguard, own=2, peer=1)}


def initramfs(variant: str) -> Path:
    """The archive, built once and replaced in one step."""
    with _lock:
        return _initramfs(variant)


@cache
def _initramfs(variant: str) -> Path:
    base, *parts = variant.split("+")
    archive = VARIANTS[base]()
    for part in parts:
        PARTS[part](archive)
    packed = archive.packed()
    target = WORK / f"{variant}.cpio.gz"
    WORK.mkdir(parents=True, exist_ok=True)
    if not target.exists() or target.read_bytes() != packed:
        fresh = target.with_suffix(f".{os.getpid()}")
        fresh.write_bytes(packed)
        fresh.rename(target)
    return target
