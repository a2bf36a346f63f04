# SPDX-License-Identifier: GPL-2.0
"""KTAP on the outside, and a table at the end."""

import json
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from .outcome import Outcome
from .paths import shown

_lock = threading.Lock()


def note(text: str) -> None:
    with _lock:
        for line in text.splitlines() or [""]:
            print(f"# {line}".rstrip())
        sys.stdout.flush()


def line(text: str) -> None:
    with _lock:
        print(text, flush=True)


def header(count: int) -> None:
    line("KTAP version 1")
    line(f"1..{count}")


def outcome(number: int, result: Outcome, folder: Path) -> None:
    """The diagnostics first, as KTAP wants them, then the line itself."""
    details = [f"{result.name}: {result.verdict}"
               + (f": {result.reason}" if result.reason else "")]
    if not result.skipped:
        details += _details(result)
        details.append(f"logs: {shown(folder)}")
    note("\n".join(details))
    state = "ok" if result.passed or result.skipped else "not ok"
    text = f"{state} {number} {result.name}"
    if result.skipped:
        text += f" # SKIP {result.reason}"
    line(text)


def _details(result: Outcome) -> list[str]:
    lines = [f"expected: {' or '.join(result.expected)}"] if not result.passed else []
    if result.sent:
        sent = ", ".join(f"{kind} {count}" for kind, count in result.sent.items() if count)
        lines.append(f"flood: sent {sent}; the guest received {result.received} packets, "
                     f"{result.frags} of them fragments")
    if result.before:
        lines.append(f"free pages: {result.before} before connect, {result.after} after disconnect")
    lines += [f"memory: {text}" for text in result.memory]
    lines += [f"wait: {text}" for text in result.waits]
    return lines + result.notes


def table(results: list[Outcome]) -> str:
    heads = ["scenario", "kernel", "seed", "verdict", "swapped out", "swapped in", "bad", "seconds",
             "peak use of each reserve node"]
    rows = [[r.scenario, r.kernel, str(r.seed), r.verdict, str(r.swapout), str(r.swapin),
             str(r.bad), f"{r.seconds:.0f}", _peaks(r)] for r in results]
    widths = [max(map(len, column)) for column in zip(heads, *rows)]
    numeric = {2, 4, 5, 6, 7}
    lines = []
    for row in [heads, ["-" * width for width in widths], *rows]:
        cells = [cell.rjust(width) if index in numeric else cell.ljust(width)
                 for index, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _peaks(result: Outcome) -> str:
    return " ".join(f"{path} {peak}/{limit}" for path, (peak, limit) in
                    sorted(result.peaks.items())) or "-"


def closing(passed: int, failed: int, skipped: int) -> str:
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")


def save(results: list[Outcome], out: Path, accel: str) -> str:
    """Writes report.txt and results.json; returns the closing line."""
    skipped = sum(r.skipped for r in results)
    passed = sum(r.passed for r in results)
    last = closing(passed, len(results) - passed - skipped, skipped)
    (out / "report.txt").write_text(f"{accel}\n\n{table(results)}\n\n{last}\n")
    data = {"accel": accel, "results": [{**asdict(r), "passed": r.passed} for r in results]}
    (out / "results.json").write_text(json.dumps(data, indent=2) + "\n")
    return last
