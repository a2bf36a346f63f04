# SPDX-License-Identifier: GPL-2.0
"""What became of one run."""

import csv
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

NODE_FIELDS = ("usage", "limit", "pages", "peak", "failcnt")
COLUMNS = ("t", "min", "free", "swapfree", "swaptotal", "pages", "bad", "swapin", "swapout",
           "oom", "slab", "udpin", "udpnoport", "udperr", "frags", "fragfail", "segin", "segout",
           "again", "tx", "rx", "rxdrop")
# Free pages that may be missing at the end: slabs and per-CPU lists breathe. The
# guest's init knows the number, and waits for no more than this.
TOLERANCE = 1024


@dataclass
class Outcome:
    scenario: str
    kernel: str
    seed: int
    expected: list[str]
    verdict: str = "fail"
    reason: str = "not started"
    seconds: float = 0
    swapin: int = 0
    swapout: int = 0
    bad: int = 0
    pages: int = 0
    before: int = 0
    after: int = 0
    flood_start: float = 0  # in seconds of the guest's clock
    flood_end: float = 0
    sent: dict[str, int] = field(default_factory=dict)
    recovery: float | None = None   # pages swapped a second after the flood, to those before
    received: int = 0
    frags: int = 0
    peaks: dict[str, list[int]] = field(default_factory=dict)  # path -> [peak, limit]
    waits: list[str] = field(default_factory=list)
    memory: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.scenario}-{self.kernel}-{self.seed}"

    @property
    def passed(self) -> bool:
        return self.verdict in self.expected and self.verdict != "skip"

    @property
    def skipped(self) -> bool:
        return self.verdict == "skip"

    def set(self, verdict: str, reason: str) -> None:
        self.verdict, self.reason = verdict, reason

    def peak(self, path: str, peak: int, limit: int) -> None:
        known = self.peaks.get(path, [0, 0])
        self.peaks[path] = [max(known[0], peak), limit or known[1]]

    @classmethod
    def load(cls, folder: Path) -> "Outcome":
        values = json.loads((folder / "verdict.json").read_text())
        return cls(**{key: value for key, value in values.items() if key != "passed"})

    def save(self, folder: Path) -> None:
        text = json.dumps({**asdict(self), "passed": self.passed}, indent=2)
        (folder / "verdict.json").write_text(text + "\n")


class Series:
    """The samples of a run: numbers of the guest and of each reserve node."""

    def __init__(self) -> None:
        self.rows: list[dict[str, int]] = []

    def take(self, line: str) -> dict[str, int] | None:
        row: dict[str, int] = {}
        for word in line.split():
            key, equals, value = word.partition("=")
            if not equals:
                return None
            try:
                if key.startswith("node:"):
                    for name, number in zip(NODE_FIELDS, value.split(",")):
                        row[f"{key.removeprefix('node:')}.{name}"] = int(number)
                else:
                    row[key] = int(value)
            except ValueError:
                return None
        self.rows.append(row)
        return row

    def last(self) -> dict[str, int]:
        return self.rows[-1] if self.rows else {}

    def swapped(self, start: float, end: float) -> dict[str, float]:
        """Pages a second in and out between two times of the guest's clock; {} if not known."""
        rows = [row for row in self.rows if start * 1000 <= row.get("t", 0) <= end * 1000]
        if len(rows) < 3:
            return {}
        seconds = (rows[-1]["t"] - rows[0]["t"]) / 1000
        return {key: (rows[-1][key] - rows[0][key]) / seconds for key in ("swapin", "swapout")}

    def save(self, path: Path) -> None:
        nodes = sorted({key for row in self.rows for key in row} - set(COLUMNS))
        with path.open("w", newline="") as out:
            writer = csv.DictWriter(out, [*COLUMNS, *nodes], restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
