# SPDX-License-Identifier: GPL-2.0
"""Free memory and reserve use over time, the kernels of a scenario side by side."""

import csv
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .errors import RigError
from .procs import tool

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#882255", "#444444")
VERDICT_COLOURS = {"ok": "#1a7f37"}
BAD_COLOUR = "#b42318"
PANEL = (620, 250)


@dataclass
class Curve:
    """One run, ready to be drawn."""
    verdict: dict
    csv: Path
    columns: list[str]
    start: float    # guest's clock, in seconds, of the first sample
    last: float     # since then
    tops: dict[str, float]

    @property
    def end(self) -> float:
        return max(self.last, float(self.verdict["seconds"]))


def _tops(rows: list[dict[str, str]]) -> dict[str, float]:
    tops: dict[str, float] = {}
    for row in rows:
        for key, value in row.items():
            if value:
                tops[key] = max(tops.get(key, 0), float(value))
    return tops


def _curve(folder: Path) -> Curve | None:
    try:
        verdict = json.loads((folder / "verdict.json").read_text())
        with (folder / "series.csv").open() as stream:
            rows = list(csv.DictReader(stream))
    except OSError:
        return None
    if not rows:
        return None
    start = float(rows[0]["t"]) / 1000
    return Curve(verdict, folder / "series.csv", list(rows[0]), start,
                 float(rows[-1]["t"]) / 1000 - start, _tops(rows))


def _nodes(curves: list[Curve]) -> list[str]:
    return sorted({column.removesuffix(".usage") for curve in curves for column in curve.columns
                   if column.endswith(".usage")})


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _x(curve: Curve) -> str:
    return f"(column('t') / 1000 - {curve.start})"


def _flood(curve: Curve) -> list[str]:
    """The time under flood, and the time without a word from the guest."""
    begin, end = (float(curve.verdict[key]) - curve.start for key in ("flood_start", "flood_end"))
    lines = ["unset object", "unset label"]
    if end > begin and curve.verdict["flood_end"]:
        lines += [f"set object 1 rectangle from {max(begin, 0)}, graph 0 to {end}, graph 1 "
                  "fillcolor '#f3ead6' fillstyle solid noborder behind",
                  f"set label 1 'flood' at {max(begin, 0)}, graph 0.94 offset 0.6,0 "
                  "textcolor '#8a6d1f' front"]
    if curve.end - curve.last > 10:
        lines += [f"set object 2 rectangle from {curve.last}, graph 0 to {curve.end}, graph 1 "
                  f"fillcolor '{BAD_COLOUR}' fillstyle transparent solid 0.10 noborder behind",
                  f"set label 2 'no sample from the guest' at {curve.last}, graph 0.84 "
                  f"offset 0.6,0 textcolor '{BAD_COLOUR}' front"]
    return lines


def _title(curve: Curve) -> str:
    verdict = curve.verdict
    colour = VERDICT_COLOURS.get(verdict["verdict"], BAD_COLOUR)
    text = (f"{verdict['kernel']}: {verdict['verdict']}, {verdict['swapout']:,} pages out, "
            f"{verdict['swapin']:,} in, {verdict['bad']} bad")
    return f"set title {_quote(text)} textcolor '{colour}' font ',15'"


def _line(curve: Curve, what: str, title: str, colour: str, width: float = 2,
          dash: int = 1) -> str:
    return (f"{_quote(str(curve.csv))} using {_x(curve)}:({what}) with lines "
            f"linewidth {width} linecolor '{colour}' dashtype {dash} title {_quote(title)}")


def _memory(curve: Curve) -> str:
    lines = [_line(curve, "column('free') / 1024", "free memory", COLOURS[0])]
    if "min" in curve.columns:
        lines.append(_line(curve, "column('min') / 1024", "vm.min_free_kbytes", "#999999", 1))
    return "plot " + ", ".join(lines)


def _work(curve: Curve) -> str:
    lines = [_line(curve, f"column('{key}') / 1000", title, colour) for key, title, colour in
             (("pages", "visited", COLOURS[2]),
              ("swapout", "swapped out", COLOURS[1]), ("swapin", "swapped in", COLOURS[5]))]
    return "plot " + ", ".join(lines)


def _reserve(curve: Curve, nodes: list[str]) -> str:
    mine = [(index, node) for index, node in enumerate(nodes)
            if f"{node}.usage" in curve.columns and curve.tops.get(f"{node}.peak", 0)]
    if not any(f"{node}.usage" in curve.columns for node in nodes):
        return ("set label 3 'this kernel has no reserve' at graph 0.5, graph 0.5 center\n"
                "plot NaN notitle")
    lines = [_line(curve, f"column('{node}.usage')", node, COLOURS[index % len(COLOURS)])
             for index, node in mine]
    root = "/" if "/.limit" in curve.columns else nodes[0]
    # What was in use for less than a second is between the samples.
    lines.append(_line(curve, f"column('{root}.peak')", f"peak of {root}", "#444444", 1, dash=2))
    lines.append(_line(curve, f"column('{root}.limit')", f"limit of {root}", "#999999", 1))
    return "plot " + ", ".join(lines)


def _top(curves: list[Curve], keys: list[str], scale: float) -> float:
    return max([curve.tops.get(key, 0) / scale for curve in curves for key in keys] + [1]) * 1.15


def _script(name: str, curves: list[Curve], output: Path) -> str:
    nodes = _nodes(curves)
    rows = 3 if nodes else 2
    width, height = PANEL[0] * len(curves), PANEL[1] * rows + 60
    lines = [f"set terminal svg size {width},{height} font 'DejaVu Sans,12' background '#ffffff'",
             f"set output {_quote(str(output))}", "set datafile separator ','",
             "set datafile missing ''", "set datafile columnheaders",
             "set key tmargin center horizontal samplen 2 noenhanced",
             "set grid ytics linecolor '#dddddd'", "set border 3 linecolor '#777777'",
             "set tics nomirror",
             f"set multiplot layout {rows},{len(curves)} title {_quote(name)} font ',18'",
             f"set xrange [0:{max(curve.end for curve in curves) * 1.02}]", "set style fill solid"]
    # Logarithmic, since what matters happens in the last few megabytes.
    panels = [("free memory, MB", 0.1, 2 * _top(curves, ["free"], 1024), _memory),
              ("thousand pages", 0, _top(curves, ["pages", "swapout"], 1000), _work)]
    if nodes:
        keys = [f"{node}.{what}" for node in nodes for what in ("usage", "limit")]
        panels.append(("reserve, pages in use", 0, _top(curves, keys, 1),
                       lambda curve: _reserve(curve, nodes)))
    for index, (label, bottom, top, draw) in enumerate(panels):
        last = index == len(panels) - 1
        lines += [f"set ylabel {_quote(label)}", "unset logscale y",
                  f"set yrange [{bottom}:{top}]", *(["set logscale y"] if bottom else []),
                  f"set xlabel {_quote('seconds' if last else '')}"]
        for curve in curves:
            lines += [_title(curve) if index == 0 else "unset title", *_flood(curve), draw(curve)]
    return "\n".join([*lines, "unset multiplot", ""])


def _gather(out: Path, names: list[str] | None) -> dict[str, list[Curve]]:
    """For each scenario the first seed of each kernel."""
    found: dict[str, dict[str, Curve]] = {}
    for folder in sorted(out.glob("*/verdict.json"), key=lambda p: p.stat().st_mtime):
        curve = _curve(folder.parent)
        if not curve or (names is not None and curve.verdict["scenario"] not in names):
            continue
        kernels = found.setdefault(curve.verdict["scenario"], {})
        known = kernels.get(curve.verdict["kernel"])
        if not known or curve.verdict["seed"] <= known.verdict["seed"]:
            kernels[curve.verdict["kernel"]] = curve
    order = {"unmodified": 0}
    return {name: sorted(kernels.values(), key=lambda c: (order.get(c.verdict["kernel"], 1),
                                                          c.verdict["kernel"]))
            for name, kernels in found.items()}


def plot(out: Path, names: list[str] | None) -> list[Path]:
    """Draws one picture for each scenario of @out, as SVG and as PNG."""
    pictures = []
    out = out.resolve()
    for name, curves in _gather(out, names).items():
        svg, png = out / f"{name}.svg", out / f"{name}.png"
        script = out / f"{name}.gnuplot"
        script.write_text(_script(name, curves, svg))
        done = subprocess.run([tool("gnuplot"), str(script)], capture_output=True, text=True,
                              check=False)
        if done.returncode:
            raise RigError(f"gnuplot failed on {script}: {done.stderr.strip().splitlines()[-1]}")
        subprocess.run([tool("rsvg-convert"), "-o", str(png), str(svg)], check=True)
        pictures += [svg, png]
    if not pictures and names is None:
        raise RigError(f"{out} holds no run to draw")
    return pictures
