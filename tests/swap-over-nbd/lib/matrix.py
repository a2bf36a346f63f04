# SPDX-License-Identifier: GPL-2.0
"""Kernels side by side, over a table of cells that each vary one thing."""

import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any

from . import jobs, procs, report
from .errors import RigError
from .outcome import Outcome
from .paths import RIG, shown
from .runner import JUDGED, Settings, run as run_one
from .scenario import VERDICTS, Kernel, Scenario, build, toml

TABLE = RIG / "matrix.toml"
# Of what was run elsewhere, a file for each image: builds of one source are the same bit by bit.
RECORDS = RIG / "records"
RECORDED = ("verdict", "reason", "recovery", "waits")
RECORDS_HEAD = "# SPDX-License-Identifier: GPL-2.0\n# Of {}, see 'rig matrix --record'; a line of JSON each.\n"
# Not there when what is kept was run, and so no part of it.
YOUNG_KEYS = {"local": "", "stress": (), "oom": "", "dimm_mb": 0, "transport": "nbd",
              "sweep": False, "fuzz": 0, "ipv6": False}
OWN_KEYS = {"name", "about", "allow", "because", "short", "absent"}


@dataclass(frozen=True, eq=False)
class Cell:
    scenario: Scenario
    allow: tuple[str, ...]      # what is as good as ok, on a kernel that is judged
    because: str                # that is in the reason for it
    absent: str                 # why it cannot be run at all

    @property
    def name(self) -> str:
        return self.scenario.name

    def digest(self) -> str:
        """Of all that makes a run what it is: after a change it has to be run again."""
        values = asdict(self.scenario)
        for key in ("description", "expect"):
            del values[key]
        for key, default in YOUNG_KEYS.items():
            if values[key] == default:
                del values[key]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Tables key by key, anything else as a whole; an empty table takes the base's away."""
    result = dict(base)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            if value:
                result[key] = merged(base[key], value)
            else:
                del result[key]
        else:
            result[key] = value
    return result


def product(over: dict[str, Any], faults: list[dict[str, Any]],
            where: str) -> list[dict[str, Any]]:
    """A row by itself and one with each fault, but for those it is 'without'."""
    own = {key: value for key, value in over.items() if key not in ("with", "without")}
    special, without = over.get("with", {}), over.get("without", [])
    names = [fault.get("name") for fault in faults]
    for name in [*special, *without]:
        if name not in names[1:]:
            raise RigError(f"{where}: there is no fault '{name}'")
    rows = []
    for fault in faults:
        name = fault.get("name")
        if name in without:
            continue
        row = merged(merged(own, fault), special.get(name, {}))
        row["name"] = f"{own.get('name', '')}-{name}" if name else own.get("name", "")
        if name:
            row["about"] = f"{own.get('about', '')}; {fault.get('about', '')}"
            row.pop("short", None)
        rows.append(row)
    return rows


class Table:
    """The base, and what each cell has that differs from it."""

    def __init__(self, path: Path) -> None:
        values = toml(path)
        self.where = path.name
        unknown = sorted(set(values) - {"base", "short", "cell", "over", "fault"})
        if unknown:
            raise RigError(f"{self.where}: unknown table '{unknown[0]}'")
        self.base, self.short = values.get("base", {}), values.get("short", {})
        self.rows = values.get("cell", [])
        faults = [{"name": ""}, *values.get("fault", [])]
        for over in values.get("over", []):
            self.rows += product(over, faults, f"{self.where}: {over.get('name', '')}")
        names = [row.get("name", "") for row in self.rows]
        for name, count in Counter(names).items():
            if not re.fullmatch(r"[a-z0-9-]+", name) or count > 1:
                raise RigError(f"{self.where}: each cell has a name of its own, of small letters, "
                               f"digits and dashes, and not '{name}'")
        self.cells = [self._cell(row, {}) for row in self.rows]

    def _cell(self, row: dict[str, Any], cut: dict[str, Any]) -> Cell:
        name, where = row["name"], f"{self.where}: {row['name']}"
        over = {key: value for key, value in row.items() if key not in OWN_KEYS}
        values = merged(merged(self.base, over), cut)
        values["description"] = row.get("about", "")
        allow = tuple(row.get("allow", []))
        for verdict in allow:
            if verdict not in VERDICTS:
                raise RigError(f"{where}: unknown verdict '{verdict}'")
        values["expect"] = {"default": ["ok", *allow]}
        scenario = build(f"{name}-short" if cut else name, values, where)
        return Cell(scenario, allow, row.get("because", ""), row.get("absent", ""))

    def chosen(self, globs: list[str], short: bool) -> list[Cell]:
        for glob in globs:
            if not any(fnmatchcase(cell.name, glob) for cell in self.cells):
                raise RigError(f"there is no cell '{glob}': {self.where} has "
                               + ", ".join(cell.name for cell in self.cells))
        rows = [row for row in self.rows
                if not globs or any(fnmatchcase(row["name"], glob) for glob in globs)]
        if short:
            rows = [row for row in rows if globs or row.get("short")]
            return [self._cell(row, self.short) for row in rows]
        return [self._cell(row, {}) for row in rows]


def digest_of(image: bytes) -> str:
    return hashlib.sha256(image).hexdigest()[:8]


@cache
def image_digest(image: Path) -> str:
    return digest_of(image.read_bytes())


@dataclass(frozen=True)
class Key:
    """What a record is of; a line of its file begins with this."""
    cell: str
    digest: str
    accel: str
    seed: int


@cache
def records(folder: Path, image: Path) -> dict[Key, dict[str, Any]]:
    """By what they are of; empty for an image that nothing is known about."""
    path = folder / f"{image_digest(image)}.txt"
    if not path.exists():
        return {}
    found = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("#"):
            continue
        try:
            values = json.loads(line)
            key = Key(*(values.pop(name) for name in ("cell", "digest", "accel", "seed")))
            found[key] = {name: values[name] for name in RECORDED}
        except (ValueError, KeyError, TypeError) as error:
            raise RigError(f"{path.name}, line {number}: this is no record: remove it, "
                           "and it is run again") from error
    return found


def kept_apart(chosen: list[Kernel], out: Path) -> list[Kernel]:
    """Copies, so that a build does not change a kernel under its runs."""
    labels = Counter(kernel.label for kernel in chosen)
    for label, count in labels.items():
        if count > 1:
            raise RigError(f"two kernels are called '{label}': give each a label of its own")
    copies = []
    for kernel in chosen:
        image, config = kernel.image.read_bytes(), (kernel.dir / "config").read_bytes()
        copy = Kernel(kernel.label, out / f"{kernel.label}-{digest_of(image)}" / "kernel")
        copy.dir.mkdir(parents=True, exist_ok=True)
        copy.image.write_bytes(image)
        (copy.dir / "config").write_bytes(config)
        copies.append(copy)
    return copies


@dataclass(frozen=True, eq=False)
class Item:
    """One run, and where it is kept."""
    cell: Cell
    kernel: Kernel
    seed: int

    @property
    def name(self) -> str:
        return f"{self.cell.name}-{self.kernel.label}-{self.seed}"

    @property
    def judged(self) -> bool:
        return JUDGED in self.kernel.options()

    def place(self, out: Path) -> Path:
        """The image is part of the path: another build is another kernel."""
        return out / f"{self.kernel.label}-{image_digest(self.kernel.image)}"

    def folder(self, out: Path) -> Path:
        return self.place(out) / f"{self.cell.name}-{self.seed}"

    def kept(self, out: Path) -> Outcome | None:
        folder = self.folder(out)
        try:
            if json.loads((folder / "cell.json").read_text())["digest"] != self.cell.digest():
                return None
            return Outcome.load(folder)
        except (OSError, ValueError, KeyError, TypeError):
            return None     # never run, or not to the end

    def key(self, accel: str) -> Key:
        return Key(self.cell.name, self.cell.digest(), accel, self.seed)

    def recorded(self, settings: Settings) -> Outcome | None:
        """Of a kernel that is judged nothing is believed that was not seen here."""
        known = {} if self.judged else records(settings.records, self.kernel.image)
        values = known.get(self.key(settings.accel))
        if not values:
            return None
        return Outcome(self.cell.name, self.kernel.label, self.seed, [], **values)

    def run(self, settings: Settings) -> Outcome:
        if self.cell.absent:
            return self.skip(self.cell.absent)
        own = Settings(**{**vars(settings), "out": self.place(settings.out)})
        result = run_one(self.cell.scenario, self.kernel, self.seed, own, report.note)
        if self.folder(settings.out).exists() and not procs.closing():
            self.sign(settings.out)
        return result

    def sign(self, out: Path) -> None:
        """Last of all: what has no signature was not run to its end."""
        text = json.dumps({"digest": self.cell.digest()})
        (self.folder(out) / "cell.json").write_text(f"{text}\n")

    def skip(self, reason: str) -> Outcome:
        result = Outcome(self.cell.name, self.kernel.label, self.seed, [])
        result.set("skip", reason)
        return result


NO_TIME = "no time was left for it"


class Matrix:
    """All the runs there should be, and those there are."""

    def __init__(self, items: list[Item], settings: Settings) -> None:
        self.items, self.settings = items, settings
        self.results: dict[Item, Outcome] = {}
        self.judged = {item.kernel.label: item.judged for item in items}
        self.believed = 0       # results that are records

    def state(self, item: Item) -> str:
        """As KTAP would put it: a kernel that is not judged never fails."""
        result = self.results[item]
        if result.skipped:
            return "skip"
        if not self.judged[item.kernel.label]:
            return "told"
        allowed = result.verdict in item.cell.allow and item.cell.because in result.reason
        return "pass" if result.verdict == "ok" or allowed else "fail"

    def count(self, state: str) -> int:
        return sum(self.state(item) == state for item in self.results)

    def take(self, item: Item, result: Outcome, how: str = "") -> None:
        self.results[item] = result
        report.matrix_line(len(self.results), item.name, self.state(item), result, how)

    # -- running --------------------------------------------------------------

    def run(self, minutes: float | None, again: bool) -> None:
        end = time.monotonic() + 60 * minutes if minutes is not None else float("inf")
        todo: list[jobs.Job] = []
        by_name = {item.name: item for item in self.items}
        for item in self.items:
            known = None if again else item.kept(self.settings.out)
            record = None if again or known else item.recorded(self.settings)
            if known:
                self.take(item, known, "kept")
            elif record:
                self.believed += 1
                self.take(item, record, "recorded")
            else:
                todo.append(partial(self._one, item, end))

        def done(result: Outcome) -> None:
            item = by_name[f"{result.scenario}-{result.kernel}-{result.seed}"]
            if not result.skipped:
                report.details(result, item.folder(self.settings.out))
            self.take(item, result)

        jobs.run(todo, done)

    def _one(self, item: Item, end: float) -> Outcome:
        if time.monotonic() >= end and not item.cell.absent:
            return item.skip(NO_TIME)
        return item.run(self.settings)

    # -- telling --------------------------------------------------------------

    def of(self, cell: str, label: str) -> list[Outcome]:
        return [result for item, result in self.results.items()
                if (item.cell.name, item.kernel.label) == (cell, label)]

    def labels(self) -> list[str]:
        return list(dict.fromkeys(sorted(self.judged, key=lambda label: self.judged[label])))

    def rows(self) -> tuple[list[str], list[list[str]]]:
        labels = self.labels()
        heads = ["cell", *labels]
        heads += [f"recovery {label}" if len(labels) > 1 else "recovery" for label in labels]
        cells = dict.fromkeys(item.cell for item in self.items)
        rows = [[cell.name, *(verdicts(self.of(cell.name, label)) for label in labels),
                 *(recovery(self.of(cell.name, label)) for label in labels)] for cell in cells]
        return heads, rows

    def abouts(self) -> dict[str, str]:
        return {item.cell.name: item.cell.scenario.description for item in self.items}

    def reasons(self) -> list[str]:
        """Why cells were not run, once each, but for want of time."""
        return list(dict.fromkeys(f"{item.cell.name}: {result.reason}"
                                  for item, result in self.results.items()
                                  if result.skipped and result.reason != NO_TIME))

    def failures(self) -> list[str]:
        return [f"{item.name}: {result.verdict}: {result.reason} "
                f"({shown(item.folder(self.settings.out))})"
                for item, result in self.results.items() if self.state(item) == "fail"]

    def waits(self) -> dict[str, list[tuple[int, str]]]:
        """By kernel: each kind of wait, and in how many of the runs that hung it was."""
        found: dict[str, Counter[str]] = {}
        for item, result in self.results.items():
            kinds = {anonymous(wait) for wait in result.waits}
            found.setdefault(item.kernel.label, Counter()).update(kinds)
        return {label: [(count, wait) for wait, count in counts.most_common()]
                for label, counts in found.items() if counts}

    def hung(self, label: str) -> int:
        return sum(result.verdict == "hang" for item, result in self.results.items()
                   if item.kernel.label == label)

    def closing(self) -> str:
        return report.closing(self.count("pass"), self.count("fail"), self.count("skip"))


def record(results: dict[Item, Outcome], folder: Path, accel: str) -> None:
    """Adds what has been run to the records, which are for git to keep."""
    files: dict[Kernel, dict[Key, dict[str, Any]]] = {}
    for item, result in results.items():
        if not result.skipped:
            known = files.setdefault(item.kernel, dict(records(folder, item.kernel.image)))
            known[item.key(accel)] = {name: getattr(result, name) for name in RECORDED}
    folder.mkdir(exist_ok=True)
    for kernel, known in files.items():
        lines = sorted(json.dumps({**asdict(key), **values}) for key, values in known.items())
        (folder / f"{image_digest(kernel.image)}.txt").write_text(
            RECORDS_HEAD.format(kernel.label) + "".join(f"{line}\n" for line in lines))


def anonymous(wait: str) -> str:
    """Without the tasks that happened to be there: 'kswapd0/35: a <- b' is 'a <- b'."""
    return re.sub(r"held by ([a-z]+)\S*/\d+ ", r"held by a \1 ", wait.partition(": ")[2])


def verdicts(results: list[Outcome]) -> str:
    """'ok 5/5', or 'hang 4, ok 1', or why there is none."""
    ran = [result.verdict for result in results if not result.skipped]
    if not ran:
        reasons = {result.reason for result in results}
        return "not run" if not reasons or reasons == {NO_TIME} else "n/a"
    counts = Counter(ran).most_common()
    if len(counts) == 1:
        return f"{ran[0]} {len(ran)}/{len(ran)}"
    return ", ".join(f"{verdict} {count}" for verdict, count in counts)


def recovery(results: list[Outcome]) -> str:
    """The median and, of several, the worst."""
    known = [result.recovery for result in results if result.recovery is not None]
    if not known:
        return "-"
    return f"{median(known):.2f}" + (f" ({min(known):.2f})" if len(known) > 1 else "")


def run(items: list[Item], settings: Settings, accel: str, minutes: float | None,
        again: bool = False, keep: bool = False,
        tell: Callable[[Matrix], None] | None = None) -> int:
    report.header(len(items))
    report.note(accel)
    matrix = Matrix(items, settings)
    matrix.run(minutes, again)
    report.save_matrix(matrix, settings.out, accel)
    if keep:
        record(matrix.results, settings.records, settings.accel)
    if tell:
        tell(matrix)
    return 0 if matrix.count("pass") and not matrix.count("fail") else 1
