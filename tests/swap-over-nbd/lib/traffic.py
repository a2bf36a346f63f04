# SPDX-License-Identifier: GPL-2.0
"""The flood, from the host or from the server's guest."""

import selectors
import socket
import threading
import time
from pathlib import Path

from .guestfs import flood_program
from .machine import MAC
from .procs import Child
from .scenario import Traffic
from .server import GuestServer


def arguments(traffic: Traffic, address: str, seed: int) -> list[str]:
    rates = (word for kind, pps in traffic.rates().items() for word in (f"--{kind}", str(pps)))
    return ["--mac", MAC["client"], "--ip", address, "--seconds", str(traffic.seconds),
            *rates, "--size", str(traffic.size), "--seed", str(seed)]


def sent(log: Path) -> dict[str, int]:
    """What the flood says that it sent, by kind, from the last line of its log."""
    try:
        lines = log.read_text().strip().splitlines()
    except OSError:
        return {}
    counts = {}
    lines = [line for line in lines if "=" in line]
    for word in (lines[-1].split() if lines else []):
        kind, equals, value = word.partition("=")
        if equals and "/" in value:
            counts[kind] = int(value.split("/")[0])
    return counts


class Connections:
    """TCP connections through QEMU's user network, each as full as it goes."""

    def __init__(self, port: int, count: int, seconds: float) -> None:
        self.port, self.count, self.end = port, count, time.monotonic() + seconds
        self.made = self.bytes = 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _open(self) -> socket.socket:
        conn = socket.socket()
        conn.setblocking(False)
        conn.connect_ex(("127.0.0.1", self.port))
        self.made += 1
        return conn

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for _ in range(self.count):
                selector.register(self._open(), selectors.EVENT_WRITE)
            while time.monotonic() < self.end and selector.get_map():
                for key, _ in selector.select(0.5):
                    self._send(selector, key.fileobj)
            for key in list(selector.get_map().values()):
                key.fileobj.close()     # type: ignore[union-attr]

    def _send(self, selector: selectors.BaseSelector, conn: socket.socket) -> None:
        try:
            self.bytes += conn.send(bytes(16384))
        except BlockingIOError:
            pass
        except OSError:
            selector.unregister(conn)
            conn.close()

    def stop(self) -> None:
        self.end = 0
        self.thread.join(5)


class HostFlood:
    def __init__(self, traffic: Traffic, path: Path, address: str, seed: int, log: Path,
                 port: int) -> None:
        self.log = log
        self.child = self.connections = None
        if traffic.rates():
            self.child = Child([str(flood_program()), "--stream", str(path),
                                *arguments(traffic, address, seed)], log)
        if traffic.connections:
            self.connections = Connections(port, traffic.connections, traffic.seconds)

    def stop(self) -> None:
        if self.connections:
            self.connections.stop()
        if self.child:
            self.child.stop()
        if self.connections:
            with self.log.open("a") as log:
                log.write(f"connections: {self.connections.made}, "
                          f"{self.connections.bytes} bytes\n")


class GuestFlood:
    """The server's guest sends on its own interface, bounded in time as well."""

    def __init__(self, traffic: Traffic, server: GuestServer, address: str, seed: int,
                 log: Path) -> None:
        words = " ".join(arguments(traffic, address, seed))
        self.server = server
        self.log = log
        server.shell(f"flood --packet eth0 {words} >/run/flood.log 2>&1 &")

    def stop(self) -> None:
        self.server.shell("killall flood; true")
        self.server.shell("echo \"flood $(tail -n 1 /run/flood.log)\" >/dev/ttyS0")
        for line in self.server.machine.console().splitlines():
            if line.startswith("flood "):
                self.log.write_text(line.removeprefix("flood ") + "\n")
