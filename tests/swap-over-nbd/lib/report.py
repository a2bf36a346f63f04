# SPDX-License-Identifier: GPL-2.0
"""KTAP on the outside, and a table at the end."""

import json
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from .outcome import Outcome
from .paths import shown

if TYPE_CHECKING:
    from .matrix import Matrix

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


def details(result: Outcome, folder: Path) -> None:
    text = [f"{result.name}: {result.verdict}"
               + (f": {result.reason}" if result.reason else "")]
    if not result.skipped:
        text += _details(result)
        text.append(f"logs: {shown(folder)}")
    note("\n".join(text))


def outcome(number: int, result: Outcome, folder: Path) -> None:
    """The diagnostics first, as KTAP wants them, then the line itself."""
    details(result, folder)
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
    return columns(heads, rows, {2, 4, 5, 6, 7})


def columns(heads: list[str], rows: list[list[str]], numeric: set[int]) -> str:
    widths = [max(map(len, column)) for column in zip(heads, *rows)]
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


# -- the matrix -----------------------------------------------------------------


def matrix_line(number: int, name: str, state: str, result: Outcome, how: str) -> None:
    text = f"{'not ok' if state == 'fail' else 'ok'} {number} {name}"
    if state == "skip":
        text += f" # SKIP {result.reason}"
    else:
        words = [result.verdict, *(["for information"] if state == "told" else []), how]
        text += f" # {', '.join(word for word in words if word)}"
    line(text)


def _waits(matrix: "Matrix") -> list[str]:
    lines = []
    for label, kinds in matrix.waits().items():
        lines.append(f"Waits of {label}, in {matrix.hung(label)} runs that hung:")
        lines += [f"  {count:3} {wait}" for count, wait in kinds]
        lines.append("")
    return lines


def _told(matrix: "Matrix") -> str:
    counted = f"{matrix.count('told')} runs of kernels without a reserve are for information only"
    if matrix.believed:
        counted += f" ({matrix.believed} of them records of earlier runs of the same image)"
    return counted + "; recovery is the ratio of pages swapped in the best five seconds that " \
        "begin within five after the flood to those of the five before it, the median of the " \
        "seeds (and the worst)"


def _matrix_text(matrix: "Matrix") -> str:
    heads, rows = matrix.rows()
    parts = [columns(heads, rows, set(range(1 + len(heads) // 2, len(heads)))), "", _told(matrix), ""]
    for title, lines in (("Not run:", matrix.reasons()), ("Failed:", matrix.failures())):
        if lines:
            parts += [title, *(f"  {text}" for text in lines), ""]
    return "\n".join(parts + _waits(matrix))


def _matrix_markdown(matrix: "Matrix") -> str:
    heads, rows = matrix.rows()
    abouts = matrix.abouts()
    lines = ["| " + " | ".join([heads[0], "what it varies", *heads[1:]]) + " |",
             "|" + " --- |" * (len(heads) + 1)]
    lines += ["| " + " | ".join([row[0], abouts[row[0]], *row[1:]]) + " |" for row in rows]
    lines += ["", _told(matrix), ""]
    for title, texts in (("Not run", matrix.reasons()), ("Failed", matrix.failures())):
        if texts:
            lines += [f"{title}:", "", *(f"- {text}" for text in texts), ""]
    for label, kinds in matrix.waits().items():
        lines += [f"Waits of {label}, in {matrix.hung(label)} runs that hung:", "",
                  *(f"- {count}: `{wait}`" for count, wait in kinds), ""]
    return "\n".join(lines)


def save_matrix(matrix: "Matrix", out: Path, accel: str) -> None:
    """Writes report.txt, report.md and results.json, and says the first of them."""
    out.mkdir(parents=True, exist_ok=True)
    text, last = _matrix_text(matrix), matrix.closing()
    (out / "report.txt").write_text(f"{accel}\n\n{text}\n{last}\n")
    (out / "report.md").write_text(f"{accel}\n\n{_matrix_markdown(matrix)}\n{last}\n")
    data = {"accel": accel, "results": [
        {**asdict(result), "state": matrix.state(item), "cell": item.cell.name}
        for item, result in matrix.results.items()]}
    (out / "results.json").write_text(json.dumps(data, indent=2) + "\n")
    note(text)
    note(last)
