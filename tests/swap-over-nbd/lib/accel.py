# SPDX-License-Identifier: GPL-2.0
"""Which acceleration works here, found out by booting a guest."""

import json
import os
import time
from pathlib import Path

from . import guestfs
from .errors import RigError
from .machine import Machine, Spec
from .paths import WORK
from .procs import scratch

TCG = "tcg,thread=multi"
CACHE = "accel.json"
LIMIT = 20


def _boots(kernel: Path) -> bool:
    """A device that opens proves little: the guest must come up under it."""
    with scratch() as folder:
        spec = Spec(kernel=kernel, initrd=guestfs.initramfs("client"), memory_mb=128, cpus=2,
                    accel="kvm", args={"role": "probe"})
        try:
            machine = Machine(spec, folder, folder)
        except RigError:
            return False
        end = time.monotonic() + LIMIT
        try:
            while time.monotonic() < end and machine.running():
                if any(line == "bye" for channel, line in machine.poll(0.5)):
                    return True
        finally:
            machine.stop()
    return False


def _key() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id")
    return boot.read_text().strip() if boot.exists() else ""


def probe(kernel: Path, fresh: bool = False) -> tuple[str, str]:
    """The accelerator to use and the line that says why; kept for this boot of the host."""
    cache = WORK / CACHE
    try:
        known = json.loads(cache.read_text())
        if not fresh and known["host"] == _key():
            return known["accel"], known["why"]
    except (OSError, ValueError, KeyError):
        pass
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        accel, why = TCG, "TCG (emulation): /dev/kvm cannot be opened"
    elif _boots(kernel):
        accel, why = "kvm", "KVM: a guest booted under it"
    else:
        accel, why = TCG, "TCG (emulation): a guest did not come up under KVM"
    WORK.mkdir(parents=True, exist_ok=True)
    cache.write_text(json.dumps({"host": _key(), "accel": accel, "why": why}) + "\n")
    return accel, why
