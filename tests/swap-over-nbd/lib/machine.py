# SPDX-License-Identifier: GPL-2.0
"""One guest: its command line, its sockets, and what comes out of them."""

import json
import os
import re
import selectors
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from .errors import RigError
from .procs import Child, tool

MAC = {"client": "52:54:00:72:69:67", "server": "52:54:00:73:72:76",
       "second": "52:54:00:72:69:68"}
CHANNELS = ("signal", "data", "qmp")
ARGS = "console=ttyS0 panic=-1 oops=panic sysrq_always_enabled=1 mitigations=off"


@dataclass
class Spec:
    """What a guest is made of."""
    kernel: Path
    initrd: Path | None         # none: the root file system is on the disk
    memory_mb: int
    cpus: int
    accel: str
    role: str = "client"
    nic: str = "virtio-net-pci"
    netdev: str = "user,id=n0,ipv6=off"
    flood: bool = False
    hotplug: bool = False
    netdev2: str = ""
    dimm_mb: int = 0            # beside memory_mb, and removable
    disk_mb: int = 0            # of zeroes
    disk: Path | None = None    # or a file
    args: dict[str, str] = field(default_factory=dict)
    append: str = ""
    icount: bool = False        # the guest's clock counts instructions
    gcov: bool = False          # the kernel counts what of it runs, and init hands that out


@cache
def devices() -> str:
    """What this QEMU can emulate, as it lists it."""
    return subprocess.run([tool("qemu-system-x86_64"), "-device", "help"], check=False,
                          capture_output=True, text=True).stdout


def has_device(name: str) -> bool:
    return f'name "{name}"' in devices()


class Machine:
    """A QEMU process that connects back to sockets we listen on."""

    def __init__(self, spec: Spec, folder: Path, sockets: Path, prefix: str = "") -> None:
        self.spec = spec
        self.folder = folder
        self.prefix = prefix
        self.sockets = sockets
        self.events: list[dict] = []
        self.last_output = time.monotonic()
        self._buffers: dict[str, bytes] = {name: b"" for name in CHANNELS}
        self._conns: dict[str, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        listeners = {name: self._listen(name) for name in CHANNELS}
        self._open_console()
        argv = self.argv()
        (folder / f"{prefix}cmdline").write_text(" \\\n    ".join(map(shlex.quote, argv)) + "\n")
        self.child = Child(argv, folder / f"{prefix}qemu.log")
        try:
            self._accept(listeners)
        except BaseException:
            self.child.stop()
            raise
        finally:
            for listener in listeners.values():
                listener.close()
        self.qmp("qmp_capabilities")

    # -- starting -------------------------------------------------------------

    def path(self, name: str) -> Path:
        return self.sockets / f"{self.prefix}{name}"

    def _open_console(self) -> None:
        """
        The console goes to a file, never to a reader that could be slow: a full
        socket holds the guest up, and repeats characters.
        """
        self._keys = -1
        self._console = self.folder / f"{self.prefix}console.log"
        self._console.unlink(missing_ok=True)
        self._console_size = 0

    def _listen(self, name: str) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.path(name)))
        listener.listen(1)
        listener.settimeout(20)
        return listener

    def _accept(self, listeners: dict[str, socket.socket]) -> None:
        for name, listener in listeners.items():
            try:
                conn, _ = listener.accept()
            except TimeoutError as error:
                raise RigError(f"QEMU did not start: {self.message()}") from error
            conn.setblocking(False)
            self._conns[name] = conn
            self._selector.register(conn, selectors.EVENT_READ, name)

    def message(self) -> str:
        text = (self.folder / f"{self.prefix}qemu.log").read_text(errors="replace").strip()
        return text.splitlines()[-1] if text else "it left no message"

    def argv(self) -> list[str]:
        spec = self.spec
        args = " ".join([ARGS, *(f"rig.{key}={value}" for key, value in spec.args.items()),
                         spec.append]).strip()
        argv = [tool("qemu-system-x86_64"), "-nodefaults", "-no-user-config", "-display", "none",
                "-no-reboot", "-machine", "q35", *self._memory(),
                "-smp", str(spec.cpus), "-accel", spec.accel,
                "-cpu", "host" if spec.accel == "kvm" else "max",
                "-kernel", str(spec.kernel), "-append", args]
        if spec.initrd:
            argv += ["-initrd", str(spec.initrd)]
        if spec.icount:
            argv += ["-icount", "shift=0"]
        argv += ["-chardev", f"file,id=console,path={self._console}"]
        argv += ["-serial", "chardev:console", "-device", "virtio-serial-pci"]
        for name in ("signal", "data"):
            argv += self._chardev(name)
            argv += ["-device", f"virtserialport,chardev={name},name=org.reserve.{name}"]
        if spec.gcov:
            argv += ["-chardev", f"file,id=gcov,path={self.folder / (self.prefix + 'gcov')}",
                     "-device", "virtserialport,chardev=gcov,name=org.reserve.gcov"]
        argv += self._chardev("qmp") + ["-mon", "chardev=qmp,mode=control"]
        if spec.disk_mb:
            # Of zeroes, which cost the host nothing.
            argv += ["-blockdev", f"null-co,node-name=disk,size={spec.disk_mb << 20},read-zeroes=on",
                     "-device", "virtio-blk-pci,drive=disk"]
        if spec.disk:
            argv += ["-blockdev", f"raw,node-name=disk,file.driver=file,file.filename={spec.disk}",
                     "-device", "virtio-blk-pci,drive=disk"]
        return argv + self._network()

    def _memory(self) -> list[str]:
        spec = self.spec
        if not spec.dimm_mb:
            return ["-m", str(spec.memory_mb)]
        return ["-m", f"{spec.memory_mb},slots=1,maxmem={spec.memory_mb + 2 * spec.dimm_mb}M",
                "-object", f"memory-backend-ram,id=memory,size={spec.dimm_mb}M",
                "-device", "pc-dimm,id=dimm,memdev=memory"]

    def _chardev(self, name: str) -> list[str]:
        return ["-chardev", f"socket,id={name},path={self.path(name)}"]

    def _network(self) -> list[str]:
        """
        The flood joins behind the user network: injected on its way to the NIC,
        it meets the same ring as the packets of the server and never reaches
        the user network, which would reassemble fragments without a bound.
        """
        spec = self.spec
        if not spec.netdev:
            return []
        argv = ["-netdev", spec.netdev]
        if spec.hotplug:
            # The second card keeps its place behind the first, and so its name.
            argv += ["-device", "pcie-root-port,id=plug,chassis=1",
                     "-device", "pcie-root-port,id=other,chassis=2"]
        argv += ["-device", ",".join(f"{key}={value}" if key != "driver" else value
                                     for key, value in self.nic().items())]
        if spec.netdev2:
            argv += ["-netdev", spec.netdev2,
                     "-device", f"{spec.nic},netdev=n1,mac={MAC['second']},bus=other"]
        if spec.flood:
            argv += ["-chardev", f"socket,id=flood,path={self.path('flood')},server=on,wait=off",
                     "-object", "filter-redirector,id=flood0,netdev=n0,queue=tx,indev=flood"]
        return argv

    def nic(self) -> dict[str, str]:
        """The card, as the command line and QMP want to have it."""
        spec = self.spec
        card = {"driver": spec.nic, "netdev": "n0", "mac": MAC[spec.role], "id": "nic"}
        return {**card, "bus": "plug"} if spec.hotplug else card

    # -- talking --------------------------------------------------------------

    def poll(self, seconds: float) -> Iterator[tuple[str, str]]:
        """Lines from the guest, as (channel, text), until @seconds have passed."""
        for key, _ in self._selector.select(seconds):
            self._receive(key.data)
        for name in ("signal", "data"):
            yield from ((name, line) for line in self._lines(name))
        self._take_events()
        size = self._console.stat().st_size if self._console.exists() else 0
        if size != self._console_size:
            self._console_size, self.last_output = size, time.monotonic()

    def _receive(self, name: str) -> None:
        conn = self._conns[name]
        try:
            data = conn.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(conn)
            conn.close()
            del self._conns[name]
            return
        self._buffers[name] += data

    def _lines(self, name: str) -> list[str]:
        *lines, rest = self._buffers[name].split(b"\n")
        self._buffers[name] = rest
        return [line.decode(errors="replace").strip() for line in lines]

    def _take_events(self) -> list[dict]:
        messages = [json.loads(line) for line in self._lines("qmp") if line]
        self.events += [message for message in messages if "event" in message]
        return [message for message in messages if "event" not in message]

    def qmp(self, command: str, **arguments: object) -> object:
        """The result of a command, or None from a QEMU that refuses or does not answer."""
        conn = self._conns.get("qmp")
        if not conn:
            return None
        request = {"execute": command, "arguments": arguments}
        try:
            conn.sendall(json.dumps(request).encode() + b"\n")
        except OSError:
            return None
        end = time.monotonic() + 10
        while time.monotonic() < end and "qmp" in self._conns:
            for key, _ in self._selector.select(0.5):
                self._receive(key.data)
            for message in self._take_events():
                if "return" in message or "error" in message:
                    return message.get("return")
        return None

    def tell(self, line: str) -> None:
        conn = self._conns.get("signal")
        if conn:
            conn.sendall(line.encode() + b"\n")

    def sysrq(self, key: str, quiet: float = 2, limit: float = 30) -> None:
        """Break and a key on the serial console; waits until it has printed."""
        self._open_keys()
        self.qmp("chardev-send-break", id="console")
        time.sleep(0.2)
        os.write(self._keys, key.encode())
        self.last_output = start = time.monotonic()
        while time.monotonic() - start < limit:
            list(self.poll(0.5))
            if time.monotonic() - self.last_output > quiet:
                return

    def _open_keys(self) -> None:
        """The command line cannot give a file an input; it gets a FIFO when one is needed."""
        if self._keys >= 0:
            return
        os.mkfifo(self.path("keys"))
        self._keys = os.open(self.path("keys"), os.O_RDWR | os.O_NONBLOCK)
        backend = {"out": str(self._console), "in": str(self.path("keys")), "append": True}
        self.qmp("chardev-change", id="console", backend={"type": "file", "data": backend})

    def shutdown_reason(self) -> str:
        for event in self.events:
            if event["event"] == "SHUTDOWN":
                return event.get("data", {}).get("reason", "")
        return ""

    # -- ending ---------------------------------------------------------------

    def running(self) -> bool:
        return self.child.running()

    def stop(self) -> None:
        """Asks QEMU to quit, then SIGTERM, then SIGKILL."""
        if self.running():
            self.qmp("quit")
            self.child.wait(3)
        self.child.stop()
        for conn in self._conns.values():
            conn.close()
        self._conns.clear()
        self._selector.close()
        if self._keys >= 0:
            os.close(self._keys)

    def console(self) -> str:
        path = self._console
        text = path.read_text(errors="replace") if path.exists() else ""
        return re.sub(r"\r", "", text)
