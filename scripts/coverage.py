#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
What of our files has run, over all the guests that counted it:

    coverage.py OBJ LIST FILE... -- GCOV...

OBJ is where the kernel was built, FILE a source of ours, GCOV what a guest wrote
to its port (tests/swap-over-nbd/guest/gcov.c).  Prints a table, and each line
that has never run and does not stand in LIST with its reason; fails if there is
one, or if LIST explains a line that did run.

LIST has four columns, divided by tabs: file, function, the line as it stands in
the source without the white space around it, and the reason. Of branches a share
of BRANCHES is asked for; if there are fewer, each line is told that has one which
was never taken.

Headers count as far as our own objects have them inline.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Iterator

Lines = dict[int, int]                          # line: how often it has run
Ways = dict[tuple[int, int], int]               # the same of the nth branch of a line
Names = dict[int, str]                          # the function of a line
Reasons = dict[tuple[str, str, str], str]

BRANCHES = 0.95


def unpacked(blob: bytes) -> Iterator[tuple[str, bytes]]:
    """NAME SIZE, a line's end, and that many bytes."""
    while blob:
        head, found, blob = blob.partition(b"\n")
        name, _, size = head.decode().partition(" ")
        if not found or len(blob) < int(size):
            raise SystemExit("coverage.py: what a guest counted is cut short: run it again")
        yield name, blob[:int(size)]
        blob = blob[int(size):]


def gcov(obj: Path, name: str, counters: bytes, folder: Path) -> Any:
    notes = [path for path in (obj / "mm", obj / "net/core")
             if (path / name).with_suffix(".gcno").exists()]
    if not notes:
        raise SystemExit(f"coverage.py: {obj} has no notes for {name}: build the kernel anew")
    (folder / name).write_bytes(counters)
    link = (folder / name).with_suffix(".gcno")
    if not link.exists():
        link.symlink_to((notes[0] / name).with_suffix(".gcno").resolve())
    done = subprocess.run(["gcov", "-b", "-j", "-t", name], cwd=folder, check=True,
                          capture_output=True)
    if b"stamp mismatch" in done.stderr:
        raise SystemExit(f"coverage.py: {name} is of another build than {obj}: run it again")
    return json.loads(done.stdout)


def own(path: str, files: list[str]) -> str | None:
    return next((one for one in files if path.endswith(f"/{one}") or path == one), None)


def count(obj: Path, files: list[str], blobs: list[Path]) -> tuple[
        dict[str, Lines], dict[str, Ways], dict[str, Names]]:
    lines: dict[str, Lines] = defaultdict(Counter)
    ways: dict[str, Ways] = defaultdict(Counter)
    names: dict[str, Names] = defaultdict(dict)
    with tempfile.TemporaryDirectory() as temporary:
        for blob in blobs:
            for name, counters in unpacked(blob.read_bytes()):
                for part in gcov(obj, name, counters, Path(temporary))["files"]:
                    file = own(part["file"], files)
                    if not file:
                        continue
                    for line in part["lines"]:
                        number = line["line_number"]
                        lines[file][number] += line["count"]
                        names[file][number] = line.get("function_name", "")
                        for nth, branch in enumerate(line["branches"]):
                            ways[file][number, nth] += branch["count"]
    return lines, ways, names


def explained(path: Path) -> Reasons:
    reasons = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            file, name, rest = line.split("\t", 2)
            text, why = rest.rsplit("\t", 1)
            reasons[file, name, text] = why
    return reasons


def share(counts: Any) -> str:
    ran = sum(1 for one in counts.values() if one)
    return f"{ran} of {len(counts)} ({100 * ran / max(1, len(counts)):.1f} %)"


def untaken(files: list[str], lines: dict[str, Lines], ways: dict[str, Ways]) -> list[str]:
    """Of lines that did run; of the others it goes without saying."""
    told = []
    for file in files:
        every: dict[int, list[int]] = defaultdict(list)
        for (line, _), count in sorted(ways[file].items()):
            every[line].append(count)
        told += [f"{file}:{line}: {counts.count(0)} of {len(counts)}"
                 for line, counts in every.items() if 0 in counts and lines[file][line]]
    return told


def main() -> int:
    args = sys.argv[1:]
    if "--" not in args or args.index("--") < 3 or args[-1] == "--":
        print("usage: coverage.py OBJ LIST FILE... -- GCOV...", file=sys.stderr)
        return 2
    cut = args.index("--")
    obj, reasons, files = Path(args[0]), explained(Path(args[1])), args[2:cut]
    lines, ways, names = count(obj, files, [Path(one) for one in args[cut + 1:]])
    used, missing, of_which = set(), [], 0
    print("| file | lines | never run, explained | branches |\n| --- | --- | --- | --- |")
    for file in files:
        text = Path(file).read_text().splitlines()
        never = {number: (file, names[file][number], text[number - 1].strip())
                 for number, ran in sorted(lines[file].items()) if not ran}
        told = {number for number, key in never.items() if key in reasons}
        used |= {never[number] for number in told}
        of_which += len(told)
        missing += [f"{file}:{number}: {key[1]}: {key[2]}"
                    for number, key in never.items() if number not in told]
        if not lines[file] and file.endswith(".c"):
            missing.append(f"{file}: nothing of it is counted: is it in kmake_for()?")
        print(f"| {file} | {share(lines[file])} | {len(told)} | {share(ways[file])} |")
    every = {(file, key): ran for file in files for key, ran in lines[file].items()}
    branches = {(file, key): ran for file in files for key, ran in ways[file].items()}
    print(f"| all | {share(every)} | {of_which} | {share(branches)} |")
    for line in missing:
        print(f"never run: {line}")
    for file, name, line in sorted(set(reasons) - used):
        print(f"explained, but it has run or is gone: {file}: {name}: {line}")
    few = sum(1 for ran in branches.values() if ran) < BRANCHES * len(branches)
    for line in untaken(files, lines, ways) if few else []:
        print(f"branches never taken: {line}")
    return 1 if missing or few or set(reasons) - used else 0


if __name__ == "__main__":
    sys.exit(main())
