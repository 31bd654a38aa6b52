"""Draw how often a build is red, against how much slower the endpoint became.

    python benchmarks/gate_plot.py [--builds=1000] [--out=docs/gate.svg]

The standard world of ``gate_power.py`` (10 scenarios, 3 rounds, 4 % noise within a run, 2 % drift between):
our gate with 3 and 10 sessions and in reference mode, and ``--benchmark-compare-fail=mean:5%``. Plain SVG,
text kept as text, in a grey that can be read on white and on black.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import TYPE_CHECKING

from gate_worlds import ORDINARY, STANDARD, World, slower, speeds

from pytest_llmeval.judge import judge_metric

if TYPE_CHECKING:
    from collections.abc import Callable

LOSSES = (0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.10, 0.12, 0.15)
GREY = "#757575"
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 400, 62, 24, 210, 52


def ours(sessions: int) -> Callable[[random.Random, float], bool]:
    """Our gate against a baseline of so many sessions."""

    def red(rng: random.Random, loss: float) -> bool:
        *past, run = map(speeds, STANDARD.sessions(rng, sessions + 1))
        return judge_metric(past, slower(loss)(run), metric="output_tps").verdict == "regressed"

    return red


def in_turn(rng: random.Random, loss: float) -> bool:
    """Our gate in reference mode."""
    old, new = map(speeds, World(between=0.0).sessions(rng, 2))
    return judge_metric((), slower(loss)(new), metric="output_tps", reference=old).verdict == "regressed"


def mean_5(rng: random.Random, loss: float) -> bool:
    """pytest-benchmark's gate against the last run."""
    *past, run = map(speeds, STANDARD.sessions(rng, 2))
    return ORDINARY["mean:5%"](past, slower(loss)(run))


CURVES = (
    ("mean:5% of the last run", mean_5, "6 4"),
    ("reference mode", in_turn, "1 4"),
    ("10 sessions", ours(10), ""),
    ("3 sessions", ours(3), "12 4"),
)


def x_of(loss: float) -> float:
    """Pixels from the left."""
    return LEFT + loss / LOSSES[-1] * (WIDTH - LEFT - RIGHT)


def y_of(share: float) -> float:
    """Pixels from the top, of 0 to 1."""
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def drawn(curves: list[tuple[str, str, list[float]]]) -> str:
    """The picture: name, dashes and a share for each of ``LOSSES``."""
    style = f"text{{fill:{GREY}}}line,polyline{{stroke:{GREY};fill:none}}"
    font = 'font-family="sans-serif" font-size="13"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" {font}>',
        "<title>Share of red builds against the loss of speed</title>",
        f"<style>{style}</style>",
    ]
    for percent in (0, 25, 50, 75, 100):
        y = y_of(percent / 100)
        parts.append(f'<line x1="{LEFT}" y1="{y:.0f}" x2="{WIDTH - RIGHT}" y2="{y:.0f}" opacity="0.2"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{percent} %</text>')
    for loss in (0.0, 0.03, 0.05, 0.10, 0.15):
        y = HEIGHT - BOTTOM + 20
        parts.append(f'<text x="{x_of(loss):.0f}" y="{y}" text-anchor="middle">{loss * 100:g} %</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - 8}" text-anchor="middle">slower than before</text>')
    parts.append(f'<text x="{LEFT}" y="{TOP - 8}">builds that are red</text>')
    at = len(LOSSES) - 1
    for number, (name, dashes, shares) in enumerate(curves):
        points = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in zip(LOSSES, shares, strict=True))
        parts.append(f'<polyline points="{points}" stroke-width="2" stroke-dasharray="{dashes}"/>')
        y = y_of(shares[at]) + 4 + 18 * number
        x = WIDTH - RIGHT + 8
        parts.append(
            f'<line x1="{x}" y1="{y - 4:.0f}" x2="{x + 26}" y2="{y - 4:.0f}" stroke-dasharray="{dashes}"/>'
        )
        parts.append(f'<text x="{x + 32}" y="{y:.0f}">{name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    """Simulate and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--builds", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "gate.svg")
    options = parser.parse_args()
    curves = []
    for name, gate, dashes in CURVES:
        shares = []
        for loss in LOSSES:
            rng = random.Random(name)  # the same builds at every loss
            shares.append(sum(gate(rng, loss) for _ in range(options.builds)) / options.builds)
        print(f"{name:26}", *(f"{100 * share:5.1f}" for share in shares))
        curves.append((name, dashes, shares))
    options.out.write_text(drawn(curves), encoding="utf-8")


if __name__ == "__main__":
    main()
