# SPDX-License-Identifier: GPL-2.0
"""The commands of the guide, as they are printed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lib.errors import RigError

SECTION = "Swap on the network in five minutes"
LAST = "See that it works"
# The parts of the section that are gone through, one after the other.
WAYS = {"nbd": ("NBD",), "iscsi": ("iSCSI",), "nvme": ("NVMe/TCP",), "nfs": ("NFS",),
        "nbd-fstab": ("NBD", "NBD by /etc/fstab"),
        "iscsi-fstab": ("iSCSI", "iSCSI by /etc/fstab")}


@dataclass
class Step:
    """A command, or what is added to a file, and the line where it is."""
    line: int
    role: str
    text: str
    file: str = ""


@dataclass
class Block:
    """A literal block, and what is said before it."""
    line: int
    part: str
    said: list[str]     # paragraphs, since the literal block before
    lines: list[str] = field(default_factory=list)


def _underlined(lines: list[str], at: int, mark: str) -> bool:
    return (at + 1 < len(lines) and bool(lines[at].strip())
            and re.fullmatch(f"{re.escape(mark)}{{3,}}", lines[at + 1]) is not None)


def _section(lines: list[str]) -> tuple[int, int]:
    heads = [at for at in range(len(lines)) if _underlined(lines, at, "=")]
    for number, at in enumerate(heads):
        if lines[at] == SECTION:
            return at + 2, heads[number + 1] if number + 1 < len(heads) else len(lines)
    raise RigError(f"the guide has no section '{SECTION}'")


def blocks(guide: Path) -> Iterator[Block]:
    """The literal blocks of the section, in order; what precedes the ways is of part ''."""
    lines = guide.read_text().splitlines()
    at, end = _section(lines)
    part, said, paragraph = "", [], ""
    while at < end:
        text = lines[at]
        if _underlined(lines, at, "-"):
            part, said, paragraph = text, [], ""
            at += 2
            continue
        paragraph = f"{paragraph} {text}".strip() if text.strip() else ""
        if paragraph:
            said = [*said[:-1], paragraph] if said and paragraph.startswith(said[-1]) \
                else [*said, paragraph]
        at += 1
        if text.endswith("::"):
            block = Block(at + 2, part, said)
            at = _literal(lines, at, block)
            said, paragraph = [], ""
            yield block


def _literal(lines: list[str], at: int, block: Block) -> int:
    """Takes the indented lines into @block, and returns where they end."""
    while at < len(lines) and (not lines[at].strip() or lines[at].startswith("    ")):
        block.lines.append(lines[at][4:])
        at += 1
    while block.lines and not block.lines[0]:
        block.lines.pop(0)
    while block.lines and not block.lines[-1]:
        block.lines.pop()
    return at


def _commands(block: Block, role: str) -> Iterator[Step]:
    text, first = "", block.line
    for number, line in enumerate(block.lines, block.line):
        text, first = (f"{text}\n{line}", first) if text else (line, number)
        if not line.endswith("\\"):
            yield Step(first, role, text)
            text = ""


def steps(guide: Path, way: str) -> list[Step]:
    """What is to be done for one way, in the order printed."""
    role, part, found, seen = "client", "", [], set()
    for block in blocks(guide):
        if block.part not in ("", *WAYS[way], LAST):
            continue
        seen.add(block.part)
        if block.part != part:
            part, role = block.part, "client"
        for paragraph in block.said:
            if named := re.findall(r"\b[Oo]n the (server|client)\b", paragraph):
                role = named[0]
        file = re.search(r"\bin ``(/etc/\S+)``", block.said[-1])
        if file:
            found.append(Step(block.line, role, "\n".join(block.lines), file[1]))
        else:
            found += _commands(block, role)
    for part in WAYS[way]:
        if part not in seen:
            raise RigError(f"the guide has no commands for {part}")
    return found
