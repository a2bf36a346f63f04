# SPDX-License-Identifier: GPL-2.0
"""Whom the OOM killer killed, whether it had to, and what the machine did then."""

import re
from dataclasses import dataclass

# What may become of a run beside its work: by the name that a scenario has for it.
NONE, MUST, MAY, GROUP = "", "must", "may", "memcg"
KINDS = (NONE, MUST, MAY, GROUP)
ANSWER = 10.0       # seconds from a kill to an answer
# Slots that CPUs have put by, and pages that have just been freed: swap is as good as full.
SWAP_LEFT = 0.02
STAMP = r"^\[\s*(\d+\.\d+)\]"
FREE = re.compile(STAMP + r" Free swap  = (\d+)kB")
TOTAL = re.compile(STAMP + r" Total swap = (\d+)kB")
KILL = re.compile(STAMP + r" (Memory cgroup out of memory|Out of memory[^:]*): "
                          r"Killed process \d+ \((.*?)\)")


@dataclass(frozen=True)
class Kill:
    at: float               # seconds of the guest's clock
    name: str
    group: bool             # a memory cgroup was full, and not the machine
    free: int | None        # kB of swap, if the kernel has told
    total: int

    @property
    def early(self) -> bool:
        return self.free is not None and self.free > SWAP_LEFT * self.total


def kills(console: str) -> list[Kill]:
    """The kernel's reports; it leaves out the numbers of some, if there are many."""
    found: list[Kill] = []
    free: int | None = None
    total = 0
    for line in console.splitlines():
        if match := FREE.search(line):
            free = int(match[2])
        elif match := TOTAL.search(line):
            total = int(match[2])
        elif match := KILL.search(line):
            found.append(Kill(float(match[1]), match[3], match[2].startswith("Memory"), free,
                              total))
            free = None
    return found


def answered(at: float, rows: list[dict[str, int]]) -> float | None:
    """Seconds from then to the end of the first answer to what was asked after it."""
    return next((row["beat"] / 1000 - at for row in rows if row.get("began", 0) >= 1000 * at),
                None)


def last_of_each(found: list[Kill]) -> list[Kill]:
    """Those that no other follows while the machine may still be busy with them."""
    return [kill for kill, then in zip(found, [*found[1:], None])
            if then is None or then.at - kill.at > ANSWER]


def _wrong_kind(kind: str, count: int, found: list[Kill]) -> str:
    if kind == NONE and count:
        return f"the OOM killer killed {count} processes"
    if kind in (MUST, GROUP) and not count:
        return "the OOM killer did not come"
    strangers = [kill.name for kill in found if kill.group != (kind == GROUP)]
    if strangers:
        where = "outside the group" if kind == GROUP else "for a group"
        return f"the OOM killer killed {strangers[0]} {where}"
    early = [kill for kill in found if kill.early and not kill.group]
    if early:
        return (f"the OOM killer killed {early[0].name} with {early[0].free} kB of "
                f"{early[0].total} kB of swap free")
    return ""


def wrong(kind: str, count: int, console: str, rows: list[dict[str, int]]) -> str:
    """What is wrong with @count kills, or nothing."""
    found = kills(console)
    text = _wrong_kind(kind, count, found)
    if text:
        return text
    for kill in last_of_each(found):
        seconds = answered(kill.at, rows)
        if seconds is None or seconds > ANSWER:
            when = "never" if seconds is None else f"only after {seconds:.1f} s"
            return f"the machine answered {when} when the OOM killer had killed {kill.name}"
    return ""


def told(console: str, rows: list[dict[str, int]]) -> list[str]:
    """For the reader: one line for each kill."""
    lines = []
    for kill in kills(console):
        seconds = answered(kill.at, rows)
        swap = "" if kill.free is None else f", {kill.free} kB of {kill.total} kB of swap free"
        answer = "no answer" if seconds is None else f"answered after {seconds:.1f} s"
        lines.append(f"OOM killer: {kill.name}{' in its group' if kill.group else ''} at "
                     f"{kill.at:.0f} s{swap}, {answer}")
    return lines
