# SPDX-License-Identifier: GPL-2.0
"""Trials that nobody thought of: a card, traffic, pressure and a fault, drawn by a seed."""

import math
import random
import re
from collections import defaultdict
from typing import Any

from . import report
from .matrix import OWN_KEYS, Cell, Matrix, Table, anonymous, merged
from .outcome import Outcome
from .scenario import build

# How often a trial has something of the rows of matrix.toml that begin with this
PARTS = {"nic": 0.5, "traffic": 0.9, "pressure": 0.4, "fault": 0.5}
# Of its own kind: it moves a hundredth of what others do, and has its own flood.
NOT_MIXED = {"nic-ne2k"}
# Cards that have no frames of 9000 bytes
SMALL_FRAMES = ("rtl8139", "tulip", "pcnet")


def _draw(rows: list[dict[str, Any]], chance: random.Random) -> list[dict[str, Any]]:
    drawn = []
    for part, often in PARTS.items():
        known = [row for row in rows if row["name"].startswith(f"{part}-")
                 and "absent" not in row and row["name"] not in NOT_MIXED]
        one = chance.choice(known)      # drawn in any case, so that the rest stays as it is
        if chance.random() < often:
            drawn.append(one)
    return drawn


def _mixed(base: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Lists have what any has, and of two times or limits the longer one holds."""
    values = base
    for row in rows:
        over = {key: value for key, value in row.items() if key not in OWN_KEYS}
        for key, value in over.items():
            if isinstance(value, list):
                over[key] = [*values.get(key, []), *(v for v in value
                                                     if v not in values.get(key, []))]
        for table, key in (("workload", "seconds"), ("traffic", "seconds"), ("limits", "stall"),
                           ("limits", "hard")):
            if over.get(table) and key in over[table] and key in values.get(table, {}):
                over[table] = {**over[table],
                               key: max(over[table][key], values[table][key])}
        values = merged(values, over)
    return values


def trial(table: Table, seed: int) -> Cell:
    chance = random.Random(seed)
    rows = _draw(table.rows, chance)
    values = _mixed(table.base, rows)
    memory, processes = chance.randrange(72, 129, 8), chance.randint(4, 12)
    work = {"processes": processes, "mb": math.ceil(memory * chance.uniform(1.5, 3) / processes)}
    values = merged(values, {"memory_mb": memory, "cpus": chance.randint(1, 4), "workload": work})
    if values["nic"] in SMALL_FRAMES:
        values.pop("mtu", None)
        values["traffic"] = {**values.get("traffic", {}), "jumbo": 0}
    if values.get("traffic"):
        more = chance.uniform(0.3, 1.3)
        values["traffic"] = {key: int(value * more) if key not in ("start", "seconds",
                                                                  "connections") else value
                             for key, value in values["traffic"].items()}
    allow = tuple(verdict for row in rows for verdict in row.get("allow", []))
    values["description"] = ", ".join(row["name"] for row in rows) or "base"
    values["expect"] = {"default": ["ok", *allow]}
    because = "".join(row.get("because", "") for row in rows)
    return Cell(build(f"soak-{seed}", values, f"soak {seed}"), allow, because, "")


def _stack(result: Outcome) -> str:
    """What failures of one kind have in common."""
    if result.waits:
        return anonymous(result.waits[0])
    return re.sub(r"[0-9]+", "N", result.reason)


def tell(matrix: Matrix) -> None:
    """Failures, by verdict and the first wait; each with the trials it was seen in."""
    groups: dict[str, list[str]] = defaultdict(list)
    for item, result in matrix.results.items():
        if matrix.state(item) == "fail":
            groups[f"{result.verdict}: {_stack(result)}"].append(
                f"{item.name} ({item.cell.scenario.description})")
    for what, names in sorted(groups.items(), key=lambda group: -len(group[1])):
        report.note(f"{len(names)} x {what}")
        for name in names:
            report.note(f"    {name}")
