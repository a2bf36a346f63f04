# SPDX-License-Identifier: GPL-2.0
"""Where things are, always relative to the repository."""

from pathlib import Path

RIG = Path(__file__).resolve().parent.parent
REPO = RIG.parent.parent
BUILD = REPO / "build"
WORK = BUILD / "rig"
RUNS = BUILD / "runs"
MODULES = BUILD / "modules"
SCENARIOS = RIG / "scenarios"
SELFTESTS = RIG / "selftests"


def shown(path: Path) -> str:
    """A path as a reader in the repository would type it."""
    try:
        return str(path.resolve().relative_to(REPO))
    except ValueError:
        return str(path)
