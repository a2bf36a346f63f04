# SPDX-License-Identifier: GPL-2.0
"""Runs one scenario on one kernel: watches, disturbs, and gives it a name."""

import math
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import dump, guestfs, oom, stress
from .errors import RigError
from .machine import Machine, Spec, has_device
from .outcome import TOLERANCE, Outcome, Series
from .procs import scratch
from .scenario import Kernel, Scenario
from .server import GuestServer, HostServer, LocalServer, Server, free_port
from .transports import CLIENT
from .traffic import GuestFlood, HostFlood, sent

BOOT_STALL = 60     # the console says nothing more
BOOT_HARD = 240
SETUP_STALL = 90    # between boot and the first page
SETTLE_STALL = 90   # the guest waits up to 45 s for its memory to come back, in silence
EVERY = 5           # seconds between lines of progress
SINGLE_ADDRESS = "10.0.2.15"
SINGLE_ADDRESS6 = "fec0::15"
COMPARED = 5        # seconds before and after the flood whose swapping is compared
RECOVERED = 5       # seconds after the flood within which it should be as before
QUIET = (6, 16)     # compared where there is no flood
# Where a card is unplugged, there is another way to the same server.
SECOND = {"addr2": "10.0.3.15", "server2": "10.0.3.2"}
SECOND_NET = "user,id=n1,net=10.0.3.0/24,ipv6=off"
READER_PORT = 7     # in the guest
DISK_MB = 256       # read beside the work: more than the guest can keep
# What a program is run from that swap waits for must not be in swap itself, as a file of
# tmpfs may be.
RAMFS_APPEND = "rootfstype=ramfs"

PAGES_PER_MB = 256
JUDGED = "CONFIG_MEM_RESERVE"   # other kernels are there for comparison
SENT = 0.05         # of a flood: emulation is slow, but this is next to nothing
ADOPTED = 64        # pages that a daemon's objects may have kept for good

# QEMU's emulation may run a stale breakpoint after another CPU has patched the
# kernel's text and taken it away. No kernel does: such a run counts for nothing.
EMULATOR_SLIP = "Oops: int3"
ATTEMPTS = 4

Say = Callable[[str], None]


@dataclass
class Settings:
    """What the user chose for all runs."""
    out: Path
    accel: str
    append: str = ""
    port: int = 0
    server_kernel: Path | None = None
    records: Path = Path()      # of runs elsewhere, see matrix.py
    by_kernel: bool = False     # the folder above says which kernel it is


class Finished(Exception):
    """The verdict is known."""


class Run:
    def __init__(self, scenario: Scenario, kernel: Kernel, seed: int, settings: Settings,
                 say: Say) -> None:
        self.scenario, self.kernel, self.seed = scenario, kernel, seed
        self.settings, self.say = settings, say
        self.outcome = Outcome(scenario.name, kernel.label, seed, scenario.expected(kernel.label))
        self.folder = settings.out / (f"{scenario.name}-{seed}" if settings.by_kernel
                                      else self.outcome.name)
        self.series = Series()
        self.server: Server | None = None
        self.machine: Machine | None = None
        self.flood: HostFlood | GuestFlood | None = None
        self.stage = "boot"
        self.begin = self.advanced = self.staged = time.monotonic()
        self.work_at = self.done_at = self.flood_until = self.fault_until = 0.0
        self.begun_at = self.begun = 0.0
        self.said = 0.0
        self.mark = -1
        self.forwarded = 0
        self.flooded = 0.0          # seconds
        self.unmade = 0             # faults that are still to come
        self.stuck_in_swap = False
        self.todo: list[tuple[float, Callable[[], None]]] = []
        self.to_sleep = False
        self.wrong: list[str] = []
        self.tree = stress.Tree()

    # -- from start to end ----------------------------------------------------

    def once(self) -> Outcome:
        missing = self.scenario.missing(self.kernel)
        if missing:
            self.outcome.set("skip", f"the kernel lacks {', '.join(missing)}")
            return self.outcome
        missing = sorted(self.scenario.way.server_options - self._server_kernel().options())
        if missing:
            self.outcome.set("skip", f"the kernel of the server lacks {', '.join(missing)}")
            return self.outcome
        if not has_device(self.scenario.nic):
            self.outcome.set("skip", f"this QEMU has no {self.scenario.nic}")
            return self.outcome
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        with scratch() as sockets:
            try:
                self._start(sockets)
                self._watch()
            except Finished:
                pass
            except RigError as error:
                self.outcome.set("fail", str(error))
            finally:
                self._finish()
        return self.outcome

    def slipped(self) -> bool:
        return (self.outcome.verdict in ("boot", "panic") and self.machine is not None
                and self.settings.accel != "kvm" and EMULATOR_SLIP in self.machine.console())

    def _start(self, sockets: Path) -> None:
        scenario = self.scenario
        self.sockets = sockets
        netdev = f"user,id=n0,ipv6={'on' if scenario.ipv6 else 'off'}"
        if scenario.topology == "pair":
            ports = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
            self.server = self._server_guest(sockets, wire(*ports))
            netdev = wire(*reversed(ports))
        elif scenario.local:
            self.server = LocalServer(self.folder, scenario.swap_mb, scenario.local)
        else:
            self.server = HostServer(self.folder, scenario.swap_mb, self.settings.port,
                                     scenario.ipv6)
            if scenario.traffic and scenario.traffic.connections:
                self.forwarded = free_port()
                netdev += f",hostfwd=tcp:127.0.0.1:{self.forwarded}-:{READER_PORT}"
            for fault in scenario.faults:
                if fault.at < 0:
                    self.server.kill()
        self.begin = self.advanced = self.staged = time.monotonic()
        self.machine = Machine(self._spec(netdev), self.folder, sockets)

    def _spec(self, netdev: str) -> Spec:
        scenario, work = self.scenario, self.scenario.workload
        assert self.server
        args = {"addr": self._address(), "server": self.server.address,
                "port": str(self.server.port), "procs": str(work.processes), "mb": str(work.mb),
                "passes": str(work.passes), "kind": work.kind, "seed": str(self.seed)}
        if scenario.force:
            args["force"] = scenario.force
        if scenario.ipv6:
            args["addr6"] = SINGLE_ADDRESS6
        for key, words in (("sysctl", scenario.sysctl), ("disturb", scenario.disturb),
                           ("pressure", work.pressure), ("stress", scenario.stress)):
            if words:
                args[key] = ",".join(words)
        for key, value in (("seconds", work.seconds), ("mtu", scenario.mtu),
                           ("reconnect", int(scenario.reconnect)),
                           ("persist", int(scenario.persist)),
                           ("local", int(bool(scenario.local))),
                           ("sweep", int(scenario.sweep)), ("fuzz", scenario.fuzz),
                           ("readers", scenario.traffic.connections if scenario.traffic else 0)):
            if value:
                args[key] = str(value)
        hotplug = any(fault.action == "unplug" for fault in scenario.faults)
        if hotplug:
            args |= SECOND
        initrd = "empty" if scenario.force == "boot" else scenario.initrds()[0]
        # Only what comes with nbd-client is deleted again.
        stays = scenario.local or scenario.way.initrd != "client"
        if scenario.transport != "nbd":
            args |= {"transport": scenario.way.client, **scenario.way.args}
        return Spec(kernel=self.kernel.image, initrd=guestfs.initramfs(initrd),
                    memory_mb=scenario.memory_mb, dimm_mb=scenario.dimm_mb,
                    cpus=scenario.cpus, accel=self.settings.accel, gcov=self.kernel.counts,
                    nic=scenario.nic, netdev=netdev, flood=scenario.topology == "single",
                    hotplug=hotplug, netdev2=SECOND_NET if hotplug else "",
                    disk_mb=DISK_MB if "cache" in work.pressure else 0,
                    disk=self.server.disk if self.server else None, args=args,
                    append=" ".join(filter(None, (RAMFS_APPEND if stays else "",
                                                  scenario.append, self.settings.append))))

    def _address(self) -> str:
        return CLIENT if self.scenario.topology == "pair" else SINGLE_ADDRESS

    def _server_kernel(self) -> Kernel:
        image = self.settings.server_kernel
        return Kernel("server", image.parent) if image else self.kernel

    def _server_guest(self, sockets: Path, netdev: str) -> GuestServer:
        spec = Spec(kernel=self._server_kernel().image,
                    initrd=guestfs.initramfs(self.scenario.initrds()[1]),
                    memory_mb=self.scenario.server_memory_mb, cpus=1, accel=self.settings.accel,
                    role="server", netdev=netdev, gcov=self._server_kernel().counts,
                    args={"role": "server", "addr": GuestServer.address})
        machine = Machine(spec, self.folder, sockets, prefix="server-")
        try:
            return self.scenario.way.server(machine, self.folder, self.scenario.swap_mb,
                                            self.scenario.netem)
        except RigError:
            machine.stop()
            raise

    def _finish(self) -> None:
        out = self.outcome
        # Of the work alone: waiting for fragments to expire says nothing of its speed.
        out.seconds = round((self.done_at or time.monotonic()) - (self.work_at or self.begin), 1)
        try:
            if self.flood:
                self._stop_flood()
        except RigError as error:
            out.notes.append(str(error))
        for part in (self.machine, self.server):
            if part:
                part.stop()
        last = self.series.last()
        out.received, out.frags = last.get("rx", 0), last.get("frags", 0)
        for key in ("swapin", "swapout", "pages", "bad"):
            setattr(out, key, max(getattr(out, key), last.get(key, 0)))
        if out.bad:
            out.set("corrupt", f"{out.bad} pages did not hold what was written"
                    + (f", and then: {out.reason}" if out.verdict != "corrupt" else ""))
        if self.machine and self.scenario.stress:
            out.notes += oom.told(self.machine.console(), self.series.rows)
        if self.machine and out.verdict == "panic":
            out.reason = panic_line(self.machine.console()) or out.reason
        self.series.save(self.folder / "series.csv")
        out.save(self.folder)

    # -- watching -------------------------------------------------------------

    def _watch(self) -> None:
        assert self.machine
        while True:
            for channel, line in self.machine.poll(0.2):
                if channel == "signal":
                    self._signal(line)
                else:
                    self._sample(line)
            self._do_due()
            self._progress()
            if not self.machine.running():
                self._gone()
            self._check_limits()

    def _signal(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        handler = getattr(self, f"_on_{word}", None)
        self.advanced = time.monotonic()
        if word in ("up", "connecting", "swap", "work", "workdone", "swapoff", "disconnected",
                    "bye"):
            self.stage, self.staged = word, time.monotonic()
        if handler:
            handler(rest)

    def _on_work(self, _: str) -> None:
        self.work_at = time.monotonic()
        if not self.scenario.fill_first:
            self._begin()

    def _begin(self) -> None:
        """From here on flood and faults are counted."""
        self.begun_at, self.begun = time.monotonic(), self.series.last().get("t", 0) / 1000
        traffic = self.scenario.traffic
        if traffic:
            self._later(traffic.start, self._start_flood)
        for fault in self.scenario.faults:
            if fault.at < 0:
                continue
            assert self.server
            do, undo = {"pause": (self.server.pause, self.server.resume),
                        "kill": (self.server.kill, self.server.restart),
                        "link": (lambda: self._link(False), lambda: self._link(True)),
                        "unplug": (self._unplug, self._plug)}[fault.action]
            self.unmade += 1
            self._later(fault.at, partial(self._make, do))
            if fault.seconds:
                self._later(fault.at + fault.seconds, undo)
            self.fault_until = max(self.fault_until, self.begun_at + fault.at + fault.seconds)

    def _on_workdone(self, _: str) -> None:
        self.done_at = time.monotonic()
        self._compare_speed()
        self.todo.clear()
        if self.flood:
            self._stop_flood()
        time.sleep(1)   # what is still queued arrives
        assert self.machine
        self.machine.tell("quiet")

    def _compare_speed(self) -> None:
        """Swap, undisturbed, before the flood and after it; samples come once a second."""
        out = self.outcome
        start, end = out.flood_start, out.flood_end
        if not end:
            # The same stretches where there was no flood say how much they vary by themselves.
            start, end = (self.begun + seconds for seconds in QUIET)
        if self.series.last().get("t", 0) < 1000 * (end + COMPARED + 1):
            return
        before = self.series.swapped(start - COMPARED, start)
        # From the best of the moments at which it should have come back
        lates = [late for late in range(RECOVERED + 1)
                 if self.series.last().get("t", 0) >= 1000 * (end + late + COMPARED)]
        after = max(sum(self.series.swapped(end + late, end + late + COMPARED).values())
                    for late in lates)
        if sum(before.values()):
            out.recovery = round(after / sum(before.values()), 2)
        rest = self.series.swapped(end, math.inf)
        self.stuck_in_swap = bool(rest and before.get("swapin") and not rest["swapin"])

    def _on_reconnected(self, _: str) -> None:
        self.outcome.notes.append("the guest connected again "
                                  f"{time.monotonic() - self.work_at:.0f} s after the work began")

    def _on_killed(self, rest: str) -> None:
        self.outcome.notes.append(f"killed: {rest}")

    def _on_disk(self, _: str) -> None:
        self.to_sleep = True

    def _on_told(self, rest: str) -> None:
        self.outcome.notes.append(f"stress: {rest}")

    def _on_fuzzed(self, rest: str) -> None:
        self.outcome.notes.append(f"fuzzed: {rest}")

    def _on_swept(self, rest: str) -> None:
        self.outcome.notes.append(f"swept: {rest}")

    def _on_wrong(self, rest: str) -> None:
        self.wrong.append(rest)
        if len(self.wrong) <= stress.WRONG_SHOWN:
            self.outcome.notes.append(f"wrong: {rest}")

    def _on_fail(self, rest: str) -> None:
        self.outcome.set("fail", rest)
        if self.series.last().get("oom"):
            self.outcome.set("oom", "the OOM killer killed")
        raise Finished

    def _on_node(self, rest: str) -> None:
        node = dict(word.split("=", 1) for word in rest.split())
        self.outcome.peak(node["path"], int(node["peak"]), int(node["limit"]))
        self.tree.take(node)
        # What a daemon's objects kept for good was adopted, and is nobody's promise any more.
        adopted = (self.scenario.daemon and node["path"] in ("/", "/orphans")
                   and int(node["usage"]) <= ADOPTED)
        if node["when"] == "idle" and int(node["usage"]) and not adopted:
            self.outcome.notes.append(f"leak: {node['path']} has {node['usage']} pages in use "
                                      "after the last of them should be back")
        if node["when"] != "connected":
            self.outcome.notes.append(f"{node['when']}: {rest.partition(' ')[2]}")

    def _on_result(self, rest: str) -> None:
        values = dict(word.split("=", 1) for word in rest.split())
        out = self.outcome
        numbers = {key: int(value) for key, value in values.items()}
        for key in ("pages", "bad", "swapin", "swapout", "before", "after"):
            setattr(out, key, numbers[key])
        leaks = [note for note in out.notes if note.startswith("leak: ")]
        lost = out.before - out.after
        if out.bad:
            out.set("corrupt", f"{out.bad} pages did not hold what was written")
        elif killed := self._wrong_kills(numbers["oom"]):
            out.set("oom", killed)
        elif numbers["killed"]:
            out.set("fail", f"{numbers['killed']} processes of the workload died of a signal")
        elif numbers["tainted"]:
            out.set("fail", f"the kernel is tainted ({numbers['tainted']}): see the console log")
        elif self.scenario.stress and (wrong := self._wrong_stress()):
            out.set("fail", wrong)
        elif self.stuck_in_swap:
            out.set("fail", "nothing was swapped in any more after the flood")
        elif wrong := self._untried() or self._reported():
            out.set("fail", wrong)
        elif leaks:
            out.set("leak", leaks[0].removeprefix("leak: "))
        elif lost > TOLERANCE:
            out.set("leak", f"{lost} pages fewer are free than before connect "
                            f"({TOLERANCE} are tolerated)")
        else:
            out.set("ok", "")
            if JUDGED in self.kernel.options() and not out.peaks["/"][0]:
                out.notes.append("nothing was drawn from the reserve: memory did not run out")

    def _wrong_kills(self, count: int) -> str:
        assert self.machine
        return oom.wrong(self.scenario.oom, count, self.machine.console(), self.series.rows)

    def _wrong_stress(self) -> str:
        """Of what only stress is asked for."""
        return next(iter([*self.wrong, *self.tree.wrong()]), "")

    def _reported(self) -> str:
        """What either kernel has said, with a taint or without one."""
        assert self.machine
        consoles = {"": self.machine.console()}
        if self.server and self.server.machine:
            consoles["the server's guest: "] = self.server.machine.console()
        return next((f"{whose}{text}" for whose, console in consoles.items()
                     for text in stress.splats(console)), "")

    def _untried(self) -> str:
        """A run says nothing of a flood that was not sent, or of a fault that was not made."""
        traffic, out = self.scenario.traffic, self.outcome
        wanted = sum(traffic.rates().values()) * self.flooded if traffic else 0
        if traffic and traffic.rates() and sum(out.sent.values()) <= SENT * wanted:
            return (f"of the {wanted:.0f} packets of the flood {sum(out.sent.values())} were sent: "
                    "run it again, or with more work")
        if self.unmade:
            return f"{self.unmade} faults came to nothing: the work was done before"
        if JUDGED in self.kernel.options() and not out.peaks.get("/", (0, 0))[1]:
            return "the kernel has a reserve, and nothing was ever set aside"
        return ""

    def _on_bye(self, _: str) -> None:
        raise Finished

    def _sample(self, line: str) -> None:
        row = self.series.take(line)
        if not row:
            return
        mark = row.get("pages", 0) + (row.get("swapin", 0) if self.stage != "work" else 0)
        if mark != self.mark:
            self.mark, self.advanced = mark, time.monotonic()
        for key, value in row.items():
            if key.endswith(".peak"):
                path = key.removesuffix(".peak")
                self.outcome.peak(path, value, row.get(f"{path}.limit", 0))
        work = self.scenario.workload
        if (self.scenario.fill_first and not self.begun_at and self.stage == "work"
                and row.get("pages", 0) >= work.processes * work.mb * PAGES_PER_MB):
            self._begin()
        if row.get("oom") and self.stage == "work" and not self.scenario.oom:
            self.outcome.set("oom", f"the OOM killer killed {row['oom']} processes")
            raise Finished

    def _gone(self) -> None:
        assert self.machine
        reason = self.machine.shutdown_reason()
        if self.stage == "boot":
            self.outcome.set("boot", "the kernel ended before its init: "
                             + (panic_line(self.machine.console()) or self.machine.message()))
        elif reason == "guest-reset":
            self.outcome.set("panic", "the kernel reset the machine")
        elif reason == "guest-shutdown" and self.to_sleep:
            assert isinstance(self.server, HostServer)
            self.outcome.set(*stress.suspended(self.server.export))
        else:
            self.outcome.set("fail", f"QEMU went away: {self.machine.message()}")
        raise Finished

    def _check_limits(self) -> None:
        assert self.machine
        now = time.monotonic()
        if self.stage == "boot":
            if now - self.machine.last_output > BOOT_STALL or now - self.begin > BOOT_HARD:
                self.outcome.set("boot", "no word from init, and the console has gone quiet")
                raise Finished
        elif not self.work_at:
            if now - max(self.staged, self.advanced) > SETUP_STALL:
                self._hang(f"no progress in the set-up after '{self.stage}'")
        elif self.server and (serving := self.server.machine) and not serving.running():
            self.outcome.set("fail", "the server's guest went away: "
                             + (panic_line(serving.console()) or serving.message()))
            raise Finished
        elif now - self.begin > self.scenario.limits.hard:
            if now - self.advanced < self.scenario.limits.stall:
                self.outcome.set("fail", f"not done after {self.scenario.limits.hard:.0f} s, "
                                 "and pages still move")
                raise Finished
            self._hang(f"not done after {self.scenario.limits.hard:.0f} s")
        else:
            since = max(self.advanced, self.flood_until, self.fault_until)
            stall = self.scenario.limits.stall
            if self.stage in ("swapoff", "disconnected"):
                stall = max(stall, SETTLE_STALL)
            if now - since > stall:
                self._hang(f"no page moved for {now - self.advanced:.0f} s"
                           + (f", {now - self.flood_until:.0f} s of them after the end of the flood"
                              if self.flood_until else ""))

    def _hang(self, reason: str) -> None:
        assert self.machine
        self.outcome.set("hang", reason)
        start = len(self.machine.console())
        state = self.machine.qmp("query-status")
        for key, quiet in (("m", 1), ("w", 1), ("t", 2)):
            self.machine.sysrq(key, quiet)
        text = self.machine.console()[start:]
        (self.folder / "dump.txt").write_text(f"QEMU: {state}\n{text}")
        self.outcome.waits = dump.waits(text)
        self.outcome.memory = dump.memory(text)
        raise Finished

    # -- disturbing -----------------------------------------------------------

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self.todo.append((time.monotonic() + seconds, action))

    def _do_due(self) -> None:
        now = time.monotonic()
        due = [action for at, action in self.todo if at <= now]
        self.todo = [(at, action) for at, action in self.todo if at > now]
        for action in due:
            action()

    def _make(self, fault: Callable[[], None]) -> None:
        fault()
        self.unmade -= 1

    def _start_flood(self) -> None:
        traffic, log = self.scenario.traffic, self.folder / "traffic.log"
        assert traffic
        if isinstance(self.server, GuestServer):
            self.flood = GuestFlood(traffic, self.server, self._address(), self.seed, log)
        else:
            self.flood = HostFlood(traffic, self.sockets / "flood", self._address(), self.seed, log,
                                   self.forwarded)
        self.flood_until = time.monotonic() + traffic.seconds
        self.outcome.flood_start = self.series.last().get("t", 0) / 1000
        self.outcome.flood_end = self.outcome.flood_start + traffic.seconds

    def _stop_flood(self) -> None:
        assert self.flood
        self.flood.stop()
        self.flooded = self.scenario.traffic.seconds if self.scenario.traffic else 0
        if time.monotonic() < self.flood_until:
            self.flooded -= self.flood_until - time.monotonic()
            self.outcome.flood_end = self.series.last().get("t", 0) / 1000
        self.outcome.sent = sent(self.flood.log)
        self.flood = None

    def _card(self, command: str, **arguments: object) -> None:
        assert self.machine
        if self.machine.qmp(command, **arguments) is None:
            raise RigError(f"QEMU refused {command}: see qemu.log")

    def _link(self, up: bool) -> None:
        self._card("set_link", name="nic", up=up)

    def _unplug(self) -> None:
        self._card("device_del", id="nic")

    def _plug(self) -> None:
        """A guest that has not let go of the card yet cannot be given another."""
        assert self.machine
        gone = any(event["event"] == "DEVICE_DELETED" and event["data"].get("device") == "nic"
                   for event in self.machine.events)
        if not gone:
            self._later(1, self._plug)
            return
        self._card("device_add", **self.machine.nic())
        self.outcome.notes.append(f"plugged in again {time.monotonic() - self.work_at:.0f} s "
                                  "after the work began")

    # -- telling --------------------------------------------------------------

    def _progress(self) -> None:
        now = time.monotonic()
        if now - self.said < EVERY:
            return
        self.said = now
        row, work = self.series.last(), self.scenario.workload
        text = f"{self.outcome.name}: {now - self.begin:.0f} s, {self.stage}"
        if row:
            total = work.processes * work.mb * PAGES_PER_MB * (work.passes + 1)
            done = f"{row.get('pages', 0)} pages" if work.seconds else \
                f"{100 * row.get('pages', 0) / total:.0f} %"
            text += (f", {done}, free {row.get('free', 0)} kB, "
                     f"swapped out {row.get('swapout', 0)} in {row.get('swapin', 0)}, "
                     f"received {row.get('rx', 0)}")
        if now - self.advanced > 10 and self.work_at:
            text += f", no progress for {now - self.advanced:.0f} s"
        nodes = sorted(key.removesuffix(".usage") for key in row if key.endswith(".usage"))
        if nodes:
            text += f", reserve {row[nodes[0] + '.usage']} of {row.get(nodes[0] + '.limit', 0)}"
        self.say(text)


def wire(local: int, remote: int) -> str:
    """
    One end of a cable between two guests. Datagrams, so that what a guest cannot
    take is lost, as on a wire: with a stream, QEMU would stop the one that sends.
    """
    ends = (f"{end}.type=inet,{end}.host=127.0.0.1,{end}.port={port}"
            for end, port in (("local", local), ("remote", remote)))
    return f"dgram,id=n0,{','.join(ends)}"


def run(scenario: Scenario, kernel: Kernel, seed: int, settings: Settings, say: Say) -> Outcome:
    """One run, repeated, and that recorded, where the emulator slipped."""
    slips = 0
    while True:
        one = Run(scenario, kernel, seed, settings, say)
        result = one.once()
        if slips:
            result.notes.append(f"repeated {slips} times: the emulator had run a stale breakpoint")
            result.save(one.folder)
        slips += 1
        if slips == ATTEMPTS or not one.slipped():
            return result
        say(f"{result.name}: {result.verdict} by a stale breakpoint of the emulator, once more")


def panic_line(console: str) -> str:
    """For the reader only: that it was a panic is known from the machine's reset."""
    for line in console.splitlines():
        if "Kernel panic" in line or "BUG:" in line:
            return line.partition("] ")[2].strip() or line.strip()
    return ""
