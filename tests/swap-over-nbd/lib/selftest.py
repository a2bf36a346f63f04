# SPDX-License-Identifier: GPL-2.0
"""The rig's own tests: every way to fail has its name, its sentence, and an end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import accel, matrix, report
from .outcome import Outcome
from .paths import MODULES, RIG, SELFTESTS
from .scenario import Kernel

LIMIT = 150
MARK = "RIG_SELFTEST"
MODULE = "rig_selftest.ko"


@dataclass
class Case:
    """One command of the rig and what must come of it."""
    name: str
    args: list[str]
    sentence: str                   # must be in the output
    verdict: str = ""               # in results.json; empty: there are none
    status: int = 1
    env: dict[str, str] = field(default_factory=dict)
    interrupt: int = 0              # sent once the guest has begun to work
    check: Callable[[dict], str] = lambda result: ""
    verb: str = "run"
    kept: list[tuple[str, int, str]] = field(default_factory=list)  # (cell, seed, verdict)
    beside: str = ""                # the verdict of another kernel, which has no reserve
    recorded: bool = False          # that is a record, and not in the folder of results


def _names_waits(result: dict) -> str:
    text = " ".join(result["waits"])
    if "<-" not in text:
        return "the report names no wait"
    return "" if result["memory"] else "the report has no memory"


def _names_demand(result: dict) -> str:
    """How much, out of what, and what to change."""
    told = re.search(r"needs \d+ KB more, and only \d+ KB can be set aside .* with \d+ KB free; "
                     r"free some memory, or lower net\.core\.sock_reserve_\w*scale", result["reason"])
    return "" if told else "the sentence has no figures, or not the name of a sysctl"


def _names_early(result: dict) -> str:
    """For its own sake, and not because of who happened to be killed."""
    return "" if "of swap free" in result["reason"] else "the reason is not that swap was free"


def _module(name: str, how: str, sentence: str, *args: str, status: int = 1) -> Case:
    return Case(f"module-{name}", [MODULE, "--param", f"how={how}", *args], sentence,
                status=status, verb="module")


def _matrix(name: str, sentence: str, *args: str, table: str = "table", status: int = 1,
            **rest: Any) -> Case:
    return Case(f"matrix-{name}", ["--cells", str(SELFTESTS / f"{table}.toml"), *args], sentence,
                status=status, verb="matrix", **rest)


def _kinds(result: dict) -> str:
    """The unmodified kernel is told of, and neither passes nor fails."""
    states = [one["state"] for one in result["all"] if one["kernel"] == "beside"]
    return "" if states == ["told"] * len(states) else f"states {states} of the other kernel"


def _matrix_cases() -> list[Case]:
    return [
        _matrix("typo", "unknown key 'procesess'", table="table-typo", status=2),
        _matrix("no-fault", "one: there is no fault 'lost'", table="table-fault", status=2),
        # Of eleven faults one is nothing, and one is not for a server that is alone.
        _matrix("product", "# 0 passed, 0 failed, 9 skipped", "--minutes", "0", "--seeds", "1",
                "--cell", "nbd-*", table="../transports"),
        _matrix("no-table", "none.toml: ", table="none", status=2),
        _matrix("no-cell", "there is no cell 'four'", "--cell", "four", status=2),
        _matrix("minutes", "--minutes is 0 or more", "--minutes", "-1", status=2),
        _matrix("seeds", "--seeds is at least 1", "--seeds", "0", status=2),
        _matrix("budget", "# 0 passed, 0 failed, 6 skipped", "--minutes", "0", "--seeds", "2"),
        _matrix("tally", "# 2 passed, 1 failed, 3 skipped", "--minutes", "0", "--seeds", "2",
                kept=[("one", 1, "ok"), ("one", 2, "hang"), ("two", 1, "oom")]),
        _matrix("told", "# 1 passed, 0 failed", "--minutes", "0", "--seeds", "1", "--cell", "one",
                kept=[("one", 1, "ok")], beside="hang", status=0, verdict="ok", check=_kinds),
        _matrix("record", "(1 of them records of earlier runs of the same image)", "--minutes", "0",
                "--seeds", "1", "--cell", "one", kept=[("one", 1, "ok")], beside="hang",
                recorded=True, status=0, verdict="ok", check=_kinds),
        # One is run, and the other is not run again.
        _matrix("resume", "# 2 passed, 0 failed", "--seeds", "2", "--cell", "one", status=0,
                kept=[("one", 1, "ok")], verdict="ok"),
    ]


def _fill(case: Case, kernel: Kernel, out: Path) -> list[str]:
    """Results of runs that never were; returns what the command has to be told of them."""
    if not case.kept:
        return []
    cells = {cell.name: cell for cell in matrix.Table(Path(case.args[1])).cells}
    chosen, args, records = [kernel], [], out / "records"
    if case.beside:
        place = out / "kernel"
        place.mkdir()
        (place / "bzImage").write_bytes(kernel.image.read_bytes())
        (place / "config").write_text("".join(
            f"{option}=y\n" for option in sorted(kernel.options() - {matrix.JUDGED})))
        chosen.append(Kernel("beside", place))
        args = ["--kernel", f"beside={place}", "--records", str(records)]
    for name, seed, verdict in case.kept:
        for one in chosen:
            item = matrix.Item(cells[name], one, seed)
            result = Outcome(name, one.label, seed, [])
            result.set(verdict if one is kernel else case.beside, "made up")
            if case.recorded and one is not kernel:
                matrix.record({item: result}, records, accel.probe(kernel.image)[0])
                continue
            item.folder(out).mkdir(parents=True)
            result.save(item.folder(out))
            item.sign(out)
    return args


def _cases(port: int) -> list[Case]:
    return [
        Case("ok", ["self-ok"], "1 passed, 0 failed", "ok", 0),
        Case("local", ["self-local"], "1 passed, 0 failed", "ok", 0),
        Case("nvme", ["self-nvme"], "1 passed, 0 failed", "ok", 0),
        Case("alone", ["self-alone"], "the transport 'nvme' needs a pair of guests", status=2),
        Case("hang", ["self-hang"], "no page moved for", "hang", check=_names_waits),
        Case("stuck", ["self-stuck"], "no page moved for", "hang"),
        Case("panic", ["self-panic"], "Kernel panic", "panic"),
        Case("oom", ["self-oom"], "the OOM killer killed", "oom"),
        Case("oom-none", ["self-oom-none"], "the OOM killer did not come", "oom"),
        Case("oom-early", ["self-oom-early"], "kB of swap free", "oom", check=_names_early),
        Case("stress-typo", ["self-stress-typo"], "stress is one of pulse, hog,", status=2),
        Case("corrupt", ["self-corrupt"], "1 pages did not hold what was written", "corrupt"),
        Case("boot", ["self-boot"], "the kernel ended before its init", "boot"),
        Case("dead-server", ["self-dead"], "nbd-client could not connect to the server", "fail"),
        Case("no-memory", ["self-nomem"],
             "nbd-client could not connect to the server", "fail", check=_names_demand),
        Case("option", ["self-option"], "the kernel lacks CONFIG_RIG_SELFTEST_ABSENT", "skip"),
        Case("port-in-use", ["--port", str(port), "self-ok"], f"port {port} is in use", "fail"),
        Case("missing-tool", ["self-ok"], "qemu-system-x86_64 is missing: install the package",
             status=2, env={"PATH": "/nonexistent", "RIG_STRICT_PATH": "1"}),
        Case("no-kernel", ["--kernel", "none=/nonexistent", "self-ok"],
             "/nonexistent/bzImage does not exist", status=2),
        Case("no-scenario", ["self-none"], "there is no scenario 'self-none'", status=2),
        Case("typo", ["self-typo"], "unknown key 'memory_gb'", status=2),
        _module("ok", "ok", "# 2 passed, 0 failed", status=0),
        _module("fail", "fail", "# 1 passed, 1 failed"),
        _module("skip", "skip", "# 1 passed, 0 failed, 1 skipped", status=0),
        _module("warn", "warn", "the kernel reported: WARNING: "),
        _module("panic", "panic", "failed: Kernel panic - not syncing: as told"),
        _module("hang", "hang", "not done after 20 s", "--timeout", "20"),
        _module("refused", "refuse", "the kernel refused rig_selftest.ko: Invalid argument"),
        _module("knob", "ok", "writing '1' to /proc/none", "--knob", "/proc/none=1"),
        _module("cat", "ok", "MemTotal:", "--cat", "/proc/meminfo", status=0),
        _module("typo", "ok", "--knob takes PATH=VALUE, not 'none'", "--knob", "none", status=2),
        Case("no-module", ["/nonexistent.ko"], "/nonexistent.ko does not exist", status=2,
             verb="module"),
        *_matrix_cases(),
        Case("soak-trials", ["--trials", "0"], "--trials and --first are at least 1", status=2,
             verb="soak"),
        Case("soak-budget", ["--trials", "200", "--hours", "0"], "# 0 passed, 0 failed, 200 skipped",
             verb="soak"),
        Case("sigterm", ["self-stuck"], "stopped by SIGTERM", status=128 + signal.SIGTERM,
             interrupt=signal.SIGTERM),
        Case("sigkill", ["self-stuck"], "", status=-signal.SIGKILL, interrupt=signal.SIGKILL),
    ]


def _survivors(token: str) -> list[str]:
    """Processes that inherited the mark of a case and are still there."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{MARK}={token}".encode() in path.read_bytes():
                found.append((path.parent / "comm").read_text().strip())
        except OSError:
            pass
    return found


def _run(case: Case, kernel: Kernel, out: Path, token: str) -> tuple[int, str]:
    argv = [sys.executable, str(RIG / "rig"), case.verb, "--out", str(out),
            "--kernel", f"{kernel.label}={kernel.dir}", *_fill(case, kernel, out),
            *(str(MODULES / kernel.label / arg) if arg == MODULE else arg for arg in case.args)]
    env = {**os.environ, **case.env, MARK: token}
    log = out / "output"
    with log.open("wb") as stream:
        process = subprocess.Popen(argv, stdout=stream, stderr=subprocess.STDOUT, env=env)
        end = time.monotonic() + LIMIT
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.2)
            if case.interrupt and ", work," in log.read_text(errors="replace"):
                process.send_signal(case.interrupt)
                case.interrupt = 0
        if process.poll() is None:
            process.terminate()
            process.wait()
            return -1, f"the rig did not end within {LIMIT} s"
    return process.returncode, log.read_text(errors="replace")


def _judge(case: Case, status: int, text: str, out: Path) -> str:
    """What is wrong, or nothing."""
    if status != case.status:
        return f"status {status} instead of {case.status}"
    if case.sentence not in text:
        return f"no sentence '{case.sentence}'"
    if "Traceback" in text:
        return "a traceback"
    if not case.verdict:
        return ""
    results = json.loads((out / "results.json").read_text())["results"]
    result = {**results[-1], "all": results}
    if result["verdict"] != case.verdict:
        return f"verdict {result['verdict']} ({result['reason']}) instead of {case.verdict}"
    return case.check(result)


def _left(token: str) -> str:
    """The kernel and the guard may need a moment; nobody needs more."""
    for _ in range(30):
        names = _survivors(token)
        if not names:
            return ""
        time.sleep(0.1)
    return f"still running: {', '.join(names)}"


def _one(case: Case, kernel: Kernel) -> str:
    token = f"{os.getpid()}-{case.name}"
    with tempfile.TemporaryDirectory(prefix="rig-selftest-") as name:
        out = Path(name)
        status, text = _run(case, kernel, out, token)
        wrong = _judge(case, status, text, out) or _left(token)
        if wrong:
            report.note(text)
        return wrong


def run(kernel: Kernel, only: list[str]) -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        cases = [case for case in _cases(taken.getsockname()[1])
                 if not only or case.name in only]
        report.header(len(cases))
        failed = 0
        for number, case in enumerate(cases, 1):
            start = time.monotonic()
            wrong = _one(case, kernel)
            failed += bool(wrong)
            report.note(f"{case.name}: {time.monotonic() - start:.0f} s"
                        + (f": {wrong}" if wrong else ""))
            report.line(f"{'not ok' if wrong else 'ok'} {number} selftest-{case.name}")
    report.note(report.closing(len(cases) - failed, failed, 0))
    return 1 if failed or not cases else 0
