# SPDX-License-Identifier: GPL-2.0
"""The swap server: Debian's nbd-server on the host, or one in a second guest."""

import os
import signal
import socket
import time
from pathlib import Path

from .errors import RigError
from .machine import Machine
from .procs import Daemon, tool

CONFIG = """[generic]
  listenaddr = {address}
  port = {port}
  allowlist = true
[swap]
  exportname = {export}
"""


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise RigError(f"port {port} is in use: choose another one, "
                           "or none and a free one is found") from error


class Server:
    """What is swapped to, and whatever may happen to it."""

    address = ""
    port = 10809
    machine: Machine | None = None      # a guest of its own
    disk: Path | None = None            # of the guest that swaps

    def pause(self) -> None:
        raise NotImplementedError

    def resume(self) -> None:
        raise NotImplementedError

    def kill(self) -> None:
        """Its connections end, and no other can be made."""
        raise NotImplementedError

    def restart(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError


class HostServer(Server):
    """nbd-server on a port of the loopback interface, with a sparse file."""

    # As the guest has it, and here: QEMU's user network is between them.
    ADDRESSES = {False: ("10.0.2.2", "127.0.0.1"), True: ("fec0::2", "::1")}

    def __init__(self, folder: Path, size_mb: int, port: int = 0, ipv6: bool = False) -> None:
        self.address, here = self.ADDRESSES[ipv6]
        if port:
            check_port(port)
        self.port = port or free_port()
        self.log = folder / "server.log"
        self.export = folder / "swap.img"
        with self.export.open("wb") as export:
            os.truncate(export.fileno(), size_mb << 20)
        config = folder / "server.conf"
        config.write_text(CONFIG.format(address=here, port=self.port,
                                        export=self.export.resolve()))
        self.config, self.pidfile = config, (folder / "server.pid").resolve()
        self.daemon = self._serve()

    def _serve(self) -> Daemon:
        daemon = Daemon([tool("nbd-server"), "-C", str(self.config), "-p", str(self.pidfile)],
                        self.pidfile, self.log)
        self.note("serving")
        return daemon

    def note(self, text: str) -> None:
        with self.log.open("a") as log:
            log.write(f"rig: {time.strftime('%H:%M:%S')} {text}\n")

    def pause(self) -> None:
        self.note("paused")
        self.daemon.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.note("resumed")
        self.daemon.signal(signal.SIGCONT)

    def kill(self) -> None:
        self.note("killed")
        self.daemon.signal(signal.SIGKILL)

    def restart(self) -> None:
        """What it had taken and not yet written is in the file: only the process was lost."""
        self.daemon.stop()
        self.daemon = self._serve()

    def stop(self) -> None:
        self.daemon.stop()
        self.export.unlink(missing_ok=True)


class LocalServer(Server):
    """nbdkit in the guest that swaps, over a disk of the guest: a sparse file here."""

    ADDRESSES = {"unix": "/run/swap", "tcp": "127.0.0.1"}

    def __init__(self, folder: Path, size_mb: int, kind: str) -> None:
        self.address = self.ADDRESSES[kind]
        self.disk = (folder / "swap.img").resolve()
        with self.disk.open("wb") as disk:
            os.truncate(disk.fileno(), size_mb << 20)

    def stop(self) -> None:
        self.disk.unlink(missing_ok=True)


class GuestServer(Server):
    """
    A guest of its own that serves, told what to do over its signal port.

    The export is a file in its memory: a disk would only make it slower. What
    serves it, and how that comes and goes, is for the classes below to say.
    """

    machine: Machine
    address = "10.0.9.2"
    export = "/run/swap.img"

    def __init__(self, machine: Machine, folder: Path, size_mb: int, netem: str) -> None:
        self.machine, self.size_mb = machine, size_mb
        self.log = folder / "server.log"
        self._wait("serving", 180)
        self.shell("/bin/busybox --install -s /bin; mount -t tmpfs -o size=90% none /run; "
                   "echo root:x:0:0::/:/bin/sh >/etc/passwd; "
                   f"mkdir -p {Path(self.export).parent}; truncate -s {size_mb}M {self.export}")
        self.prepare()
        if netem:
            # By its path: busybox would prefer its own, which knows no netem.
            self.shell(f"/sbin/tc qdisc add dev eth0 root netem {netem}")
        self.restart()

    def note(self, text: str) -> None:
        with self.log.open("a") as log:
            log.write(f"rig: {time.strftime('%H:%M:%S')} {text}\n")

    def _wait(self, word: str, seconds: float) -> str:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.machine.running():
            for channel, line in self.machine.poll(0.5):
                if channel == "signal":
                    self.note(line)
                    if line.startswith(word):
                        return line
        for key in "lwt":
            self.machine.sysrq(key)     # its console log says why
        raise RigError(f"the server guest did not say '{word}' within {seconds:.0f} s")

    def shell(self, command: str) -> None:
        self.note(f"$ {command}")
        self.machine.tell(command)
        if self._wait("rc=", 60) != "rc=0":
            raise RigError(f"in the server guest, '{command}' failed")

    def stop(self) -> None:
        self.machine.stop()

    # -- for each kind of server ----------------------------------------------

    def prepare(self) -> None:
        """What has to be there before restart(), which is the first start as well."""


class ProgramServer(GuestServer):
    """A program: while it is stopped, its kernel goes on to acknowledge what it gets."""

    program = ""

    def pause(self) -> None:
        self.shell(f"killall -STOP {self.program}")

    def resume(self) -> None:
        self.shell(f"killall -CONT {self.program}")

    def kill(self) -> None:
        self.shell(f"killall -KILL {self.program}")


class NbdServer(ProgramServer):
    program = "nbd-server"

    def prepare(self) -> None:
        config = CONFIG.format(address="0.0.0.0", port=self.port, export=self.export)
        lines = "; ".join(f"echo '{line.strip()}' >>/run/nbd.conf" for line in config.split("\n"))
        self.shell(lines)

    def restart(self) -> None:
        self.shell("nbd-server -C /run/nbd.conf -p /run/nbd.pid")
