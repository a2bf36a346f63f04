# SPDX-License-Identifier: GPL-2.0
"""
Compare functions of two builds of one object, instruction by instruction.

What the compiler and the linker choose anew in each build is taken out first:
addresses, offsets into local data and strings, the suffixes of the copies that
the compiler makes of a function, and the length of a padding. What is left must
be the same, static branches included: while they are off they are no-ops, and
each is an instruction.

A function is all that was made of it, its cold parts included. The order counts:
where the compiler has only laid out the same blocks in another order, the two
differ.
"""

import difflib
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

SHOWN = 12
SYMBOL = re.compile(r"^([0-9a-f]+) (.{7}) (\S+)\s+([0-9a-f]+) (?:\.hidden )?(\S+)$")
CODE = re.compile(r"^ *([0-9a-f]+):\t(.*)$")
RELOCATION = re.compile(r"^\t+([0-9a-f]+): (R_\w+)\t(\S+)$")
TARGET = re.compile(r"\b([0-9a-f]+) <([^>+]+)(?:\+0x[0-9a-f]+)?>")
SUFFIX = re.compile(r"\.(?:constprop|isra|part|llvm|lto_priv)\.\d+|\.(?:constprop|isra|part)\b")
NOOP = re.compile(r"^(?:data16 |cs )*nop[wl]?\b.*|^xchg +%ax,%ax$")


class NotThere(Exception):
    """What was to be compared is not in the object."""


@dataclass
class Symbol:
    name: str
    section: str
    start: int
    size: int

    @property
    def plain(self) -> str:
        """The name without what the compiler has made of it."""
        return SUFFIX.sub("", self.name)


@dataclass
class Line:
    text: str
    relocations: list[tuple[str, str]] = field(default_factory=list)


def output(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotThere(done.stderr.strip().splitlines()[-1])
    return done.stdout


class Object:
    """An object file: its symbols, and its code by section and address."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise NotThere(f"{path} does not exist: build both kernels first")
        self.symbols = self._symbols(path)
        self.code = self._code(path)

    @staticmethod
    def _symbols(path: Path) -> list[Symbol]:
        found = []
        for line in output("objdump", "-t", str(path)).splitlines():
            match = SYMBOL.match(line)
            if match and "F" in match[2]:
                found.append(Symbol(match[5], match[3], int(match[1], 16), int(match[4], 16)))
        return found

    @staticmethod
    def _code(path: Path) -> dict[str, dict[int, Line]]:
        sections: dict[str, dict[int, Line]] = {}
        lines: dict[int, Line] = {}
        last = Line("")
        for raw in output("objdump", "-dr", "--no-show-raw-insn", str(path)).splitlines():
            if raw.startswith("Disassembly of section "):
                lines = sections.setdefault(raw.split()[-1].rstrip(":"), {})
            elif match := RELOCATION.match(raw):
                last.relocations.append((match[2], match[3]))
            elif match := CODE.match(raw):
                last = lines[int(match[1], 16)] = Line(match[2].split("#")[0].strip())
        return sections

    def holder(self, section: str, address: int) -> Symbol | None:
        return next((s for s in self.symbols if s.section == section
                     and s.start <= address < s.start + max(s.size, 1)), None)

    def parts(self, name: str) -> list[Symbol]:
        """The function, what the compiler has split off or copied, and the cold parts of these."""
        hot = [s for s in self.symbols if s.plain == name]
        if not hot:
            raise NotThere("inlined, or not in the configuration")
        cold = [s for s in self.symbols if s.plain == f"{name}.cold"]
        return sorted(hot, key=lambda s: s.name) + sorted(cold, key=lambda s: s.name)

    def function(self, name: str) -> list[str]:
        parts = self.parts(name)
        inside = {}
        for part in parts:
            for address in sorted(self.code.get(part.section, {})):
                if part.start <= address < part.start + part.size:
                    inside[part.section, address] = len(inside)
        return [self._normal(section, self.code[section][address], inside, parts)
                for section, address in inside]

    def _normal(self, section: str, line: Line, inside: dict[tuple[str, int], int],
                parts: list[Symbol]) -> str:
        if NOOP.match(line.text):
            return "nop"

        def place(where: str, address: int) -> str:
            if (where, address) in inside:
                return f"@{inside[where, address]}"
            symbol = self.holder(where, address)
            if not symbol:
                return where
            return symbol.plain + ("" if symbol.start == address else "+")

        if not line.relocations:
            return " ".join(TARGET.sub(lambda m: place(section, int(m[1], 16)), line.text).split())
        # The field that the linker fills holds nothing of its own.
        text = TARGET.sub("", line.text)
        for kind, target in line.relocations:
            text += f" {kind} {self._target(kind, target, place)}"
        return " ".join(text.split())

    def _target(self, kind: str, target: str, place) -> str:
        name, sign, addend = re.match(r"^(.+?)(?:([+-])0x([0-9a-f]+))?$", target).groups()
        value = int(addend, 16) * (-1 if sign == "-" else 1) if addend else 0
        if name in self.code:
            return place(name, value + (4 if "PC32" in kind or "PLT32" in kind else 0))
        if name.startswith("."):
            # Where in the section depends on what else is there.
            return re.sub(r"\.str\d+\.\d+$", "", name)
        return f"{SUFFIX.sub('', name)}{value:+#x}"


def difference(ours: list[str], theirs: list[str]) -> list[str]:
    lines = [line for line in difflib.unified_diff(theirs, ours, "unmodified", "ours", "", "", 0)
             if not line.startswith(("---", "+++"))]
    more = len(lines) - SHOWN
    return [line.rstrip() for line in lines[:SHOWN]] + ([f"... and {more} more"] if more > 0 else [])


def shuffled(ours: list[str], theirs: list[str]) -> bool:
    """The same instructions in another order: targets are positions, so not counted."""
    def loose(lines: list[str]) -> list[str]:
        return sorted(re.sub(r"@\d+", "@", line) for line in lines)
    return loose(ours) == loose(theirs)


def compare(name: str, unmodified: Object, ours: Object) -> tuple[bool, str, list[str]]:
    """Is it the same; the row of the table; and the first lines that differ."""
    listings: list[list[str]] = []
    counts, why = [], ""
    for which, one in (("unmodified", unmodified), ("ours", ours)):
        try:
            listings.append(one.function(name))
            counts.append(str(len(listings[-1])))
        except NotThere as error:
            counts.append("-")
            why = why or f"{which}: {error}"
    if len(listings) == 2:
        same = listings[0] == listings[1]
        text = "same" if same else "differs"
        if not same and shuffled(listings[1], listings[0]):
            text += " (the same instructions in another order)"
        lines = [] if same else difference(listings[1], listings[0])
    else:
        same, text, lines = False, why, []
    return same, f"{name:<34} {counts[0]:>10} {counts[1]:>6}  {text}", lines


def main() -> int:
    if len(sys.argv) != 4:
        print("usage: fastpath.py UNMODIFIED OURS LIST", file=sys.stderr)
        return 2
    trees, table = [Path(arg) for arg in sys.argv[1:3]], Path(sys.argv[3])
    passed = failed = 0
    objects: dict[str, list[Object]] = {}
    print(f"{'function':<34} {'unmodified':>10} {'ours':>6}")
    try:
        for raw in table.read_text().splitlines():
            words = raw.split("#")[0].split()
            if not words:
                continue
            if len(words) not in (2, 3) or words[2:] not in ([], ["info"]):
                raise NotThere(f"{table.name}: '{raw}' is not 'object function [info]'")
            path, name = words[:2]
            if path not in objects:
                print(f"-- {path}")
                objects[path] = [Object(tree / path) for tree in trees]
            same, row, lines = compare(name, *objects[path])
            counted = len(words) == 2
            print(row if counted else f"{row}, not counted")
            for line in lines if counted else []:
                print(f"    {line}")
            passed += counted and same
            failed += counted and not same
    except NotThere as error:
        print(f"fastpath: {error}", file=sys.stderr)
        return 2
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
