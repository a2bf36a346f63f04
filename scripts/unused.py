#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What does the series change in code for who does not use it?

    unused.py UNMODIFIED.s OURS.s [OLD=NEW...]

Compares two assembler files of one source, built without CONFIG_MEM_RESERVE,
function by function. What differs without making a difference is made equal
first: numbers of labels, and of static variables within functions, where
strings are, and the numbers of lines that warnings tell. OLD=NEW is a function
that only has another name. Prints a line for each function that is not the
same: its name, and its instructions before and after, or "-" where there is
no such function.
"""

import re
import sys
from pathlib import Path

FUNCTION = re.compile(r"\s+\.type\s+(\S+), @function")
LABEL = re.compile(r"\.L[A-Z]*\d+")
STRING = re.compile(r"^(\.LC\d+):\n((?:\s+\.(?:string|ascii|asciz)\s+.*\n)+)", re.M)
SIZE = re.compile(r"\s+\.size\s+(\S+), ")
# Variables that gcc numbered; not the parts and clones of a function
NUMBERED = re.compile(r"\b(?!isra\b|constprop\b|part\b)([A-Za-z_]\w*)\.\d+\b(?!\.)")
TREE = re.compile(r"\.\./linux-\w+")
SOURCE = re.compile(r"^# \S+:(\d+): ")
LINE = re.compile(r"^\s+\.(?:word|long)\s+\d+\s+# bug_entry::line.*$", re.M)


def functions(text: str) -> dict[str, str]:
    """The body of each function, with its exception and bug tables."""
    text = TREE.sub("linux", LINE.sub("\tLINE", text))
    strings = {name: " ".join(body.split()) for name, body in STRING.findall(text)}
    found: dict[str, list[str]] = {}
    open_: list[str] = []       # a cold part begins before the function it is of ends
    for line in text.splitlines():
        match = FUNCTION.match(line)
        end = SIZE.match(line)
        if match:
            open_.append(match[1])
            found[match[1]] = []
        elif end and end[1] in open_:
            open_.remove(end[1])
        elif open_:
            found[open_[-1]].append(line)
    return {name: normal(body, strings) for name, body in found.items()}


def normal(body: list[str], strings: dict[str, str]) -> str:
    """Labels and numbered names in order of appearance; no comments."""
    names: dict[str, str] = {}
    lines = []
    number = None
    for line in body:
        source = SOURCE.match(line)
        if source:
            number = source[1]
        line = re.sub(r"(^|\s+)#.*$", "", line).rstrip()
        if not line or re.match(r"\s+\.(loc|file|cfi_\w+|p2align|align)\b", line):
            continue
        if number:
            line = re.sub(rf"\${number}\b", "$LINE", line)     # __LINE__ as an argument
        line = re.sub(r"\.LC\d+", lambda m: strings.get(m[0], ".LC"), line)
        line = LABEL.sub(lambda m: names.setdefault(m[0], f".L{len(names)}"), line)
        line = NUMBERED.sub(lambda m: names.setdefault(m[0], f"{m[1]}.{len(names)}"), line)
        lines.append(line)
    return "\n".join(lines)


def instructions(body: str | None) -> str:
    if body is None:
        return "-"
    return str(sum(1 for line in body.splitlines() if re.match(r"\s+[a-z]", line)))


def main() -> int:
    if len(sys.argv) < 3 or not all("=" in name for name in sys.argv[3:]):
        print(__doc__, file=sys.stderr)
        return 2
    texts = [Path(p).read_text() for p in sys.argv[1:3]]
    for name in sys.argv[3:]:
        old, new = name.split("=", 1)
        texts[0] = re.sub(rf"\b{old}\b", new, texts[0])
    before, after = map(functions, texts)
    if not before or not after:
        print(f"unused.py: there is no function in {sys.argv[1] if not before else sys.argv[2]}",
              file=sys.stderr)
        return 1
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            print(name, instructions(before.get(name)), instructions(after.get(name)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
