# SPDX-License-Identifier: GPL-2.0
"""What must hold after stress: a balanced tree, a kernel that has not complained."""

from pathlib import Path

from .dump import STAMP, TROUBLE

WRONG_SHOWN = 5
PAGE = 4096
# Written over the swap header's own by a suspend to disk, and back by a resume.
SIGNATURE, SIGNATURE_AT = b"S1SUSPEND", PAGE - 10
# What stayed in use when a promise got smaller is these nodes' afterwards.
BREATHE = ("/", "/orphans")


class Tree:
    """The reserve's nodes as they were when connected, and as they are after the work."""

    def __init__(self) -> None:
        self.at: dict[str, dict[str, dict[str, str]]] = {}

    def take(self, node: dict[str, str]) -> None:
        self.at.setdefault(node["when"], {})[node["path"]] = node

    def wrong(self) -> list[str]:
        return self._changed() + [text for when, nodes in self.at.items()
                                  for text in unbalanced(when, nodes)]

    def _changed(self) -> list[str]:
        """Whatever was written meanwhile, the promises are those of the beginning."""
        before, after = self.at.get("connected", {}), self.at.get("worked", {})
        return [f"{path} has {key} {node[key]} after the work, and had {before[path][key]}"
                for path, node in after.items() for key in ("limit", "pages")
                if path not in BREATHE and before.get(path, node)[key] != node[key]]


def unbalanced(when: str, nodes: dict[str, dict[str, str]]) -> list[str]:
    """A node's pages are those of its parts."""
    texts = []
    for path, node in nodes.items():
        prefix = path.rstrip("/") + "/"
        parts = [int(part["pages"]) for name, part in nodes.items()
                 if name != path and name.startswith(prefix) and "/" not in name[len(prefix):]]
        if parts and sum(parts) != int(node["pages"]):
            texts.append(f"{when}: {path} has {node['pages']} pages, and its parts {sum(parts)}")
    return texts


def splats(console: str) -> list[str]:
    """Reports that leave no taint, as those of lockdep, among them."""
    return [f"the kernel reported: {STAMP.sub('', line)}" for line in console.splitlines()
            if STAMP.match(line) and TROUBLE.search(line)][:1]


def suspended(export: Path) -> tuple[str, str]:
    """The verdict on a machine that went off in order to sleep."""
    with export.open("rb") as swap:
        swap.seek(SIGNATURE_AT)
        if swap.read(len(SIGNATURE)) == SIGNATURE:
            return "ok", ""
    return "fail", "the machine went off to sleep, and left no image in swap"
