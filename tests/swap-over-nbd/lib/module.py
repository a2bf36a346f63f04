# SPDX-License-Identifier: GPL-2.0
"""Loads modules in a guest, and counts what their KUnit suites say."""

import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from . import dump, guestfs, report
from .errors import RigError
from .machine import Machine, Spec
from .paths import shown
from .procs import scratch
from .runner import ATTEMPTS, BOOT_HARD, BOOT_STALL, EMULATOR_SLIP
from .scenario import Kernel

STAMP = re.compile(r"^\[\s*\d+\.\d+\] ?")
TOTALS = re.compile(r"^# Totals: pass:(\d+) fail:(\d+) skip:(\d+) total:(\d+)")
SUITE = re.compile(r"^(ok|not ok) \d+ ")
CONSOLE_LAG = 30    # seconds
# KUnit is there but off in a configuration made from nothing; and it waits for a
# test in a way that looks like a hung task: what hangs here runs into the time limit.
APPEND = "kunit.enable=1 kunit.stats_enabled=2 sysctl.kernel.hung_task_timeout_secs=0"


@dataclass
class Guest:
    accel: str
    memory_mb: int
    cpus: int
    timeout: float
    append: str = ""
    icount: bool = False


@dataclass
class Plan:
    """What the guest does, in this order."""
    modules: list[Path]
    params: list[str]
    knobs: list[str]
    after: list[str]
    cat: list[str]
    settle: int = 0     # seconds between the last module and what comes after

    def check(self) -> None:
        for path in self.modules:
            if not path.is_file():
                raise RigError(f"the module {path} does not exist: 'make modules' builds those "
                               "of tests/modules")
        if len({path.name for path in self.modules}) < len(self.modules):
            raise RigError("two of the modules have one name")
        for option, texts, begin in (("--param", self.params, ""), ("--knob", self.knobs, "/"),
                                     ("--after", self.after, "/")):
            for text in texts:
                name, equals, _ = text.partition("=")
                if not name or not equals or not name.startswith(begin) or "\n" in text:
                    raise RigError(f"{option} takes {'PATH' if begin else 'NAME'}=VALUE, "
                                   f"not '{text}'")
        for text in self.cat:
            if not text.startswith("/") or "\n" in text:
                raise RigError(f"--cat takes a path in the guest, not '{text}'")
        if any(len(line) > 1000 for line in self.lines()):
            raise RigError("the parameters are more than 1000 characters long")

    def lines(self) -> list[str]:
        loads = [f"load /rig/{path.name}" for path in self.modules]
        loads[0] = " ".join([loads[0], *self.params])
        return [*(f"write {text}" for text in self.knobs), *loads, f"sleep {self.settle}",
                *(f"write {text}" for text in self.after), *(f"cat {text}" for text in self.cat)]


class Tally:
    """The suites' own totals; a suite that never got to its cases counts one."""

    def __init__(self) -> None:
        self.passed = self.failed = self.skipped = 0
        self.totals = False

    def take(self, line: str) -> None:
        if match := TOTALS.match(line):
            passed, failed, skipped, _ = map(int, match.groups())
            self.passed, self.failed = self.passed + passed, self.failed + failed
            self.skipped += skipped
            self.totals = passed + failed + skipped > 0
        elif match := SUITE.match(line):
            if not self.totals:
                self.failed += 1
            self.totals = False

    def any(self) -> bool:
        return self.passed + self.failed + self.skipped > 0


class Load:
    """One guest, from boot to the end of the plan."""

    def __init__(self, plan: Plan, kernel: Kernel, folder: Path, guest: Guest) -> None:
        self.plan, self.kernel, self.folder, self.guest = plan, kernel, folder, guest
        self.tally = Tally()
        self.trouble = ""
        self.reason = ""        # why it failed, where that is not a test
        self.loaded = 0
        self.booted = self.done = False
        self.offset = 0
        self.begin = time.monotonic()
        # One that counts what runs has tests that run when it boots.
        self.boot_hard = guest.timeout if kernel.counts else BOOT_HARD

    def once(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        initrd = guestfs.module_initramfs(self.folder / "initrd", self.plan.modules,
                                          self.plan.lines())
        guest = self.guest
        spec = Spec(kernel=self.kernel.image, initrd=initrd, memory_mb=guest.memory_mb,
                    cpus=guest.cpus, accel=guest.accel, netdev="", args={"role": "module"},
                    icount=guest.icount, gcov=self.kernel.counts,
                    append=f"{APPEND} {guest.append}".strip())
        with scratch() as sockets:
            self.machine = Machine(spec, self.folder, sockets)
            try:
                self._watch()
                self._show()
            finally:
                self.machine.stop()
        initrd.unlink()

    def slipped(self) -> bool:
        return (not self.done and self.guest.accel != "kvm"
                and EMULATOR_SLIP in self.machine.console())

    # -- watching -------------------------------------------------------------

    def _watch(self) -> None:
        while not self.done and not self.reason:
            for channel, line in self.machine.poll(0.2):
                if channel == "signal":
                    self._signal(line)
            self._show()
            if not self.done and not self.reason:
                self._check()
        if self.done:
            self._rest()

    def _signal(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "up":
            self.booted = True
        elif word == "loaded":
            error, _, text = rest.partition(" ")
            if error != "0":
                name = self.plan.modules[self.loaded].name
                self.reason = f"the kernel refused {name}: {text.strip()}"
            self.loaded += 1
        elif word == "fail":
            self.reason = rest
        elif word == "bye":
            self.done = True

    def _check(self) -> None:
        now = time.monotonic()
        machine = self.machine
        if not machine.running():
            text = self.trouble or machine.message()
            if machine.shutdown_reason() == "guest-reset":
                text = self.trouble or "the kernel reset the machine"
            self.reason = text if self.booted else f"the kernel ended before its init: {text}"
        elif not self.booted and (now - machine.last_output > BOOT_STALL
                                  or now - self.begin > self.boot_hard):
            self.reason = "no word from init, and the console has gone quiet"
        elif now - self.begin > self.guest.timeout:
            self._hang()

    def _hang(self) -> None:
        self.reason = f"not done after {self.guest.timeout:.0f} s"
        start = len(self.machine.console())
        for key in "mwlt":
            self.machine.sysrq(key)
        text = self.machine.console()[start:]
        (self.folder / "dump.txt").write_text(text)
        for line in dump.waits(text):
            report.note(f"wait: {line}")

    # -- the console ----------------------------------------------------------

    def _rest(self) -> None:
        """The console is slower than the signal port, and complete when the guest is off."""
        limit = time.monotonic() + CONSOLE_LAG
        while self.machine.running():
            if time.monotonic() > limit:
                self.reason = f"the guest said bye and did not power off in {CONSOLE_LAG} s"
                return
            for _ in self.machine.poll(0.2):
                pass
        self._show()

    def _show(self) -> None:
        """Whole lines that are new since the last time."""
        text = self.machine.console()
        end = text.rfind("\n") + 1
        for raw in text[self.offset:end].splitlines():
            self._line(STAMP.sub("", raw))
        self.offset = max(self.offset, end)

    def _line(self, line: str) -> None:
        if not self.trouble and dump.TROUBLE.search(line):
            self.trouble = line.strip()
        if self.reason.startswith("not done after"):
            return      # that is in the dump
        if self.booted and not line.startswith("rig: "):
            report.line(line)
            self.tally.take(line)

    # -- the verdict ----------------------------------------------------------

    def verdict(self) -> int:
        tally = self.tally
        if not self.reason and self.trouble:
            self.reason = f"the kernel reported: {self.trouble}"
        elif not self.reason and not tally.any():
            tally.passed = self.loaded      # modules without a suite: they have been loaded
        if self.reason:
            tally.failed += 1
            report.note(f"failed: {self.reason}")
        elif tally.failed:
            report.note(f"failed: {tally.failed} of the tests, see above")
        report.note(f"{self.plan.modules[0].stem} on {self.kernel.label}: "
                    f"{time.monotonic() - self.begin:.0f} s, logs: {shown(self.folder)}")
        report.note(report.closing(tally.passed, tally.failed, tally.skipped))
        return 1 if tally.failed or not tally.passed else 0


def run(plan: Plan, kernel: Kernel, folder: Path, guest: Guest) -> int:
    for attempt in range(1, ATTEMPTS + 1):
        one = Load(plan, kernel, folder.resolve(), guest)
        one.once()
        if attempt == ATTEMPTS or not one.slipped():
            break
        report.note("the emulator ran a stale breakpoint, once more")
    return one.verdict()
