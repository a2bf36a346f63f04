# SPDX-License-Identifier: GPL-2.0
"""The flood, from the host or from the server's guest."""

from pathlib import Path

from .guestfs import flood_program
from .machine import MAC
from .procs import Child
from .scenario import Traffic
from .server import GuestServer


def arguments(traffic: Traffic, address: str, seed: int) -> list[str]:
    return ["--mac", MAC["client"], "--ip", address, "--seconds", str(traffic.seconds),
            "--udp-open", str(traffic.udp_open), "--udp-closed", str(traffic.udp_closed),
            "--frag4", str(traffic.frag4), "--frag6", str(traffic.frag6),
            "--size", str(traffic.size), "--seed", str(seed)]


def sent(log: Path) -> dict[str, int]:
    """What the flood says that it sent, by kind, from the last line of its log."""
    try:
        lines = log.read_text().strip().splitlines()
    except OSError:
        return {}
    counts = {}
    for word in (lines[-1].split() if lines else []):
        kind, equals, value = word.partition("=")
        if equals and "/" in value:
            counts[kind] = int(value.split("/")[0])
    return counts


class HostFlood:
    def __init__(self, traffic: Traffic, path: Path, address: str, seed: int, log: Path) -> None:
        argv = [str(flood_program()), "--stream", str(path), *arguments(traffic, address, seed)]
        self.log = log
        self.child = Child(argv, log)

    def stop(self) -> None:
        self.child.stop()


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
