# SPDX-License-Identifier: GPL-2.0
"""Child processes that never outlive the rig, whichever way it ends."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .errors import RigError

PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "nbd-server": "nbd-server",
    "nbd-client": "nbd-client",
    "busybox": "busybox-static",
    "tc": "iproute2",
    "gcc": "gcc",
    "gnuplot": "gnuplot-nox",
    "rsvg-convert": "librsvg2-bin",
    "setpriv": "util-linux",
    "iscsid": "open-iscsi",
    "iscsiadm": "open-iscsi",
    "tgtd": "tgt",
    "tgtadm": "tgt",
    "wg": "wireguard-tools",
    "nbdkit": "nbdkit",
    "openssl": "openssl",
}

_live: set["Child | Daemon"] = set()
_scratch: set[Path] = set()
_closing = False    # the rig is ending: nobody starts anything any more
_lock = threading.RLock()   # a signal may come while it is held


def tool(name: str) -> str:
    """The full path of a program, also from where only root looks."""
    places = os.environ.get("PATH", "")
    if "RIG_STRICT_PATH" not in os.environ:
        places += ":/usr/sbin:/sbin"
    found = shutil.which(name, path=places)
    if not found:
        package = PACKAGES.get(name, name)
        raise RigError(f"{name} is missing: install the package {package}")
    return found


def closing() -> bool:
    """What ends now does so because of us."""
    return _closing


def _refuse_if_closing() -> None:
    if _closing:
        raise RigError("the rig is ending")


class Child:
    """A process in a group of its own, killed by the kernel if the rig dies."""

    def __init__(self, argv: list[str], log: Path | None = None, *,
                 stdin: int = subprocess.DEVNULL) -> None:
        guarded = [tool("setpriv"), "--pdeathsig", "KILL", "--", *argv]
        out: IO[bytes] | int = log.open("ab") if log else subprocess.DEVNULL
        with _lock:
            _refuse_if_closing()
            self.popen = subprocess.Popen(guarded, stdin=stdin, stdout=out,
                                          stderr=subprocess.STDOUT, start_new_session=True)
            _live.add(self)
        if not isinstance(out, int):
            out.close()

    @property
    def pid(self) -> int:
        return self.popen.pid

    def running(self) -> bool:
        return self.popen.poll() is None

    def signal(self, number: int) -> None:
        try:
            os.killpg(self.popen.pid, number)
        except ProcessLookupError:
            pass

    def wait(self, seconds: float) -> bool:
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for whoever does not hear it."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.running():
                self.signal(number)
                self.wait(3)
        _live.discard(self)


class Daemon:
    """
    A program that insists on leaving our process group.

    A guard, there before it, holds the read end of a pipe from us: when we are
    gone, however we went, the pipe closes and the guard ends the daemon's group.
    """

    GUARD = 'read -r _; kill -s KILL -- "-$(cat "$1")"'

    def __init__(self, argv: list[str], pidfile: Path, log: Path) -> None:
        pidfile.unlink(missing_ok=True)
        with _lock:
            _refuse_if_closing()
            self.guard = subprocess.Popen(["/bin/sh", "-c", self.GUARD, "guard", str(pidfile)],
                                          stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                          stderr=subprocess.DEVNULL, start_new_session=True)
            with log.open("ab") as out:
                rc = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                    start_new_session=True, check=False).returncode
            self.pid = self._read_pid(pidfile) if rc == 0 else 0
            if not self.pid:
                self.guard.kill()
                raise RigError(f"{Path(argv[0]).name} did not start: {last_line(log)}")
            _live.add(self)

    @staticmethod
    def _read_pid(pidfile: Path) -> int:
        for _ in range(50):
            try:
                return int(pidfile.read_text())
            except (OSError, ValueError):
                time.sleep(0.1)
        return 0

    def running(self) -> bool:
        return Path(f"/proc/{self.pid}").exists()

    def signal(self, number: int) -> None:
        try:
            os.killpg(os.getpgid(self.pid), number)
        except ProcessLookupError:
            pass

    def stop(self) -> None:
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        self.guard.kill()   # it must not find a stranger under that number later
        self.guard.wait()
        _live.discard(self)


@contextmanager
def scratch() -> Iterator[Path]:
    """A short-lived folder, short enough in name for a socket's path."""
    folder = Path(tempfile.mkdtemp(prefix="rig-"))
    _scratch.add(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _scratch.discard(folder)


def stop_all() -> None:
    """Nothing is left running, on any way out, and nothing lying about."""
    global _closing
    with _lock:
        _closing = True
        children = list(_live)
    for child in children:
        child.stop()
    for folder in list(_scratch):
        shutil.rmtree(folder, ignore_errors=True)


def last_line(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1].strip() if lines else "it left no message"
