# SPDX-License-Identifier: GPL-2.0
"""Scenarios: what a guest has, does and suffers, and what is expected of it."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import oom
from .errors import RigError
from .paths import SCENARIOS, SELFTESTS
from .transports import TABLE as TRANSPORTS, Transport

VERDICTS = ("ok", "hang", "oom", "corrupt", "panic", "boot", "leak", "fail", "skip")
ACTIONS = ("pause", "kill", "link", "unplug")
# At random and in order by turns; at random; half read in order and half write at random
KINDS = ("mixed", "random", "readwrite")
PRESSURES = ("cache", "tmpfs", "slab", "memcg", "high")
# The table in guest/stress.c
STRESSES = ("pulse", "hog", "memcg", "fork", "mlock", "huge", "blocks", "disk", "sysctl", "ng-vm",
            "ng-memory")
DISTURBANCES = ("neigh", "mtu", "plug", "threads")
LOCALS = ("unix", "tcp")
FRAMES = ("udp_open", "udp_closed", "frag4", "frag6", "syn_open", "syn_closed", "icmp", "arp",
          "broadcast", "jumbo")
NIC_OPTIONS = {
    "virtio-net-pci": "CONFIG_VIRTIO_NET",
    "e1000": "CONFIG_E1000",
    "e1000e": "CONFIG_E1000E",
    "igb": "CONFIG_IGB",
    "vmxnet3": "CONFIG_VMXNET3",
    "rtl8139": "CONFIG_8139CP",     # QEMU's is a C+, which 8139too refuses
    "tulip": "CONFIG_TULIP",
    "pcnet": "CONFIG_PCNET32",
    "ne2k_pci": "CONFIG_NE2K_PCI",
}


@dataclass(frozen=True)
class Workload:
    processes: int = 8
    mb: int = 32
    passes: int = 2
    seconds: int = 0        # further passes so long after the first, the last cut short
    kind: str = "mixed"     # of KINDS
    pressure: tuple[str, ...] = ()


@dataclass(frozen=True)
class Traffic:
    udp_open: int = 0
    udp_closed: int = 0
    frag4: int = 0
    frag6: int = 0
    syn_open: int = 0
    syn_closed: int = 0
    icmp: int = 0
    arp: int = 0
    broadcast: int = 0
    jumbo: int = 0
    connections: int = 0    # that always send, to a reader whose memory is in swap
    size: int = 1400
    start: float = 2
    seconds: int = 50

    def rates(self) -> dict[str, int]:
        """Packets a second of each kind of frame, by the name that the flood has for it."""
        return {kind.replace("_", "-"): getattr(self, kind) for kind in FRAMES
                if getattr(self, kind)}


@dataclass(frozen=True)
class Fault:
    at: float           # seconds of work; below 0: before the guest boots
    action: str
    seconds: float = 0  # 0: for good


@dataclass(frozen=True)
class Limits:
    stall: float = 60   # without progress, once flood and faults are over
    hard: float = 900   # for the whole run


@dataclass(frozen=True)
class Kernel:
    label: str
    dir: Path

    @property
    def image(self) -> Path:
        return self.dir / "bzImage"

    def options(self) -> set[str]:
        text = (self.dir / "config").read_text()
        return {line.split("=")[0] for line in text.splitlines() if line.endswith("=y")}

    @property
    def counts(self) -> bool:
        """What of it runs."""
        return "CONFIG_GCOV_KERNEL" in self.options()


@dataclass(frozen=True)
class Scenario:
    name: str
    description: str
    topology: str = "single"
    memory_mb: int = 80
    cpus: int = 2
    nic: str = "virtio-net-pci"
    mtu: int = 0
    ipv6: bool = False          # swap goes over IPv6; what else arrives is as ever
    fill_first: bool = False    # flood and faults count from when all memory is in use
    swap_mb: int = 512
    reconnect: bool = False     # when the server is back, the guest connects again
    persist: bool = False       # by nbd-client -persist, the ioctl interface
    sweep: bool = False         # before the work: each allocation of each operation fails once
    fuzz: int = 0               # before the work: seconds of what user space can do, mutated
    transport: str = "nbd"      # of TRANSPORTS: how the guest and its server speak
    local: str = ""             # of LOCALS: the server is in the guest itself, behind such a socket
    disturb: tuple[str, ...] = ()
    stress: tuple[str, ...] = ()    # of STRESSES
    oom: str = oom.NONE         # what the OOM killer must or may do
    dimm_mb: int = 0            # memory that can be taken away again
    append: str = ""
    force: str = ""
    sysctl: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    needs_on: dict[str, list[str]] = field(default_factory=dict)
    netem: str = ""
    server_memory_mb: int = 768
    workload: Workload = Workload()
    traffic: Traffic | None = None
    faults: tuple[Fault, ...] = ()
    limits: Limits = Limits()
    expect: dict[str, list[str]] = field(default_factory=dict)

    def expected(self, label: str) -> list[str]:
        return self.expect.get(label, self.expect.get("default", ["ok"]))

    @property
    def way(self) -> Transport:
        return TRANSPORTS[self.transport]

    @property
    def daemon(self) -> bool:
        """In the guest that swaps, and part of how it does."""
        return bool(self.local) or self.reconnect or self.way.daemon

    def initrds(self) -> list[str]:
        """Of the guest that swaps, and of the second, if there is one."""
        own = "local" if self.local else self.way.initrd
        if any(name.startswith("ng-") for name in self.stress):
            own = "stress"
        return [own, self.way.server_initrd] if self.topology == "pair" else [own]

    def missing(self, kernel: Kernel) -> list[str]:
        """The options that this scenario needs and this kernel has not got."""
        wanted = {"CONFIG_BLK_DEV_NBD", "CONFIG_SWAP", "CONFIG_VIRTIO_CONSOLE",
                  NIC_OPTIONS[self.nic], *self.needs, *self.needs_on.get(kernel.label, [])}
        if self.local:
            wanted |= {"CONFIG_UNIX", "CONFIG_VIRTIO_BLK"}
        wanted |= self.way.options
        return sorted(wanted - kernel.options())


def _table(cls: type, values: dict[str, Any], where: str) -> Any:
    known = set(cls.__dataclass_fields__)  # type: ignore[attr-defined]
    unknown = sorted(set(values) - known)
    if unknown:
        raise RigError(f"{where}: unknown key '{unknown[0]}'")
    try:
        return cls(**values)
    except TypeError as error:
        raise RigError(f"{where}: {error}") from error


def _check_words(what: str, words: Iterable[str], known: tuple[str, ...], where: str) -> None:
    for word in words:
        if word not in known:
            raise RigError(f"{where}: {what} is one of {', '.join(known)}, not '{word}'")


def _check_local(scenario: Scenario, where: str) -> None:
    _check_words("local", [scenario.local], LOCALS, where)
    for what, there in (("a pair of guests", scenario.topology == "pair"),
                        ("faults", scenario.faults), ("'persist'", scenario.persist),
                        ("'reconnect'", scenario.reconnect),
                        ("the pressure 'cache'", "cache" in scenario.workload.pressure)):
        if there:
            raise RigError(f"{where}: 'local' does not go with {what}")


def _check_transport(scenario: Scenario, where: str) -> None:
    _check_words("transport", [scenario.transport], tuple(TRANSPORTS), where)
    if scenario.transport == "nbd":
        return
    what = f"{where}: the transport '{scenario.transport}'"
    if scenario.topology != "pair":
        raise RigError(f"{what} needs a pair of guests")
    if scenario.persist:
        raise RigError(f"{what} does not go with 'persist', which is nbd-client's")
    if scenario.reconnect and scenario.way.client != "nbd":
        raise RigError(f"{what} does not go with 'reconnect': it always does")


def _check(scenario: Scenario, where: str) -> None:
    if not scenario.description or "\n" in scenario.description:
        raise RigError(f"{where}: a scenario needs a description of one line")
    if scenario.topology not in ("single", "pair"):
        raise RigError(f"{where}: topology is 'single' or 'pair', not '{scenario.topology}'")
    if scenario.nic not in NIC_OPTIONS:
        raise RigError(f"{where}: nic is one of {', '.join(NIC_OPTIONS)}, not '{scenario.nic}'")
    _check_words("pressure", scenario.workload.pressure, PRESSURES, where)
    _check_words("disturb", scenario.disturb, DISTURBANCES, where)
    _check_words("stress", scenario.stress, STRESSES, where)
    _check_words("oom", [scenario.oom], oom.KINDS, where)
    _check_words("workload kind", [scenario.workload.kind], KINDS, where)
    _check_transport(scenario, where)
    if scenario.ipv6 and (scenario.topology != "single" or scenario.local):
        raise RigError(f"{where}: 'ipv6' is for a server on the host, topology 'single'")
    if scenario.local:
        _check_local(scenario, where)
    for verdict in (v for verdicts in scenario.expect.values() for v in verdicts):
        if verdict not in VERDICTS:
            raise RigError(f"{where}: unknown verdict '{verdict}'")
    for fault in scenario.faults:
        if fault.action not in ACTIONS:
            raise RigError(f"{where}: unknown fault '{fault.action}'")


def toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise RigError(f"{path.name}: {error}") from error


def build(name: str, values: dict[str, Any], where: str) -> Scenario:
    values = {"description": "", **values, "name": name}
    if "pressure" in values.get("workload", {}):
        values["workload"] = {**values["workload"],
                              "pressure": tuple(values["workload"]["pressure"])}
    for key, cls in (("workload", Workload), ("traffic", Traffic), ("limits", Limits)):
        if key in values:
            values[key] = _table(cls, values[key], f"{where}: {key}")
    values["faults"] = tuple(_table(Fault, fault, f"{where}: faults")
                             for fault in values.get("faults", []))
    for key in ("sysctl", "needs", "disturb", "stress"):
        values[key] = tuple(values.get(key, []))
    scenario = _table(Scenario, values, where)
    _check(scenario, where)
    return scenario


def load(path: Path) -> Scenario:
    return build(path.stem, toml(path), path.name)


def find(name: str) -> Scenario:
    for folder in (SCENARIOS, SELFTESTS):
        path = folder / f"{name}.toml"
        if path.exists():
            return load(path)
    raise RigError(f"there is no scenario '{name}': 'rig list' shows those there are")


def every() -> list[Scenario]:
    return [load(path) for path in sorted(SCENARIOS.glob("*.toml"))]


def kernel(text: str) -> Kernel:
    label, equals, where = text.partition("=")
    if not equals or not label:
        raise RigError(f"--kernel takes LABEL=DIR, not '{text}'")
    found = Kernel(label, Path(where))
    for path in (found.image, found.dir / "config"):
        if not path.exists():
            raise RigError(f"kernel '{label}': {path} does not exist")
    return found
