"""Drawing with matplotlib: figures that are as wide as a phone, in the light colours of ``palette``.

The same figure becomes SVG (``svg``) and PNG (``picture``).
"""

from __future__ import annotations

import math
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_llmeval.language import _
from pytest_llmeval.model import SCORES

from . import palette, safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .page import Trend

WIDTH = 4.8
"""Inches: at 72 points each about as many CSS pixels as a phone's page is wide."""
_HEIGHT = 2.9
_ROW = 0.44
_FONT = 9.5
_MOST_DATES = 4
_TIME = re.compile(r"\d{4}-\d\d-\d\dT(\d\d:\d\d)")
_WIDE = 30
"""Largest over smallest value from which on an axis is logarithmic."""


class Row(NamedTuple):
    """An endpoint's line: a figure, as it is ``written``, and the ``values`` that it is the median of."""

    series: int
    name: str
    value: float
    written: str
    values: Sequence[float] = ()


class Series(NamedTuple):
    """An endpoint's ``(x, y)`` marks."""

    series: int
    name: str
    points: Sequence[tuple[float, float]]


class Steps(NamedTuple):
    """An endpoint's two distributions."""

    series: int
    name: str
    solid: Sequence[tuple[float, float]]
    dashed: Sequence[tuple[float, float]]


def rows(of: Sequence[Row], unit: str) -> Figure:
    """One below the other from 0: a bar to the value, or dots with a rule at it; names above, not beside."""
    with _figure(0.55 + _ROW * len(of)) as (figure, axes):
        largest = max(max((*row.values, row.value)) for row in of)
        axes.set_xlim(0, 1.04 * largest or 1.0)
        for place, row in enumerate(of):
            colour = palette.light(palette.series(row.series))
            if row.values:
                heights = [place + 0.16 * ((7 * at) % 5 - 2) / 2 for at in range(len(row.values))]
                mark = palette.MARKS[row.series % palette.SERIES]
                axes.plot(
                    row.values, heights, mark, color=colour, markersize=5, alpha=0.55, markeredgewidth=0
                )
                axes.vlines(row.value, place - 0.26, place + 0.26, colors=colour, linewidth=2.4)
            else:
                axes.barh(place, row.value, height=0.34, color=colour)
            end = axes.get_xlim()[1]
            axes.text(0, place - 0.33, row.name, va="bottom", ha="left")
            axes.text(end, place - 0.33, f"{row.written} {unit}", va="bottom", ha="right", weight="bold")
        axes.set_ylim(len(of) - 0.55, -0.85)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        _plain_numbers(axes, "x")
    return figure


def scatter(of: Sequence[Series], *, x: str, y: str) -> Figure:
    """Marks of several endpoints; logarithmic where values differ much."""
    with _figure(_HEIGHT, legend=len(of) if len(of) > 1 else 0) as (figure, axes):
        for one in of:
            axes.plot(
                [point[0] for point in one.points],
                [point[1] for point in one.points],
                palette.MARKS[one.series % palette.SERIES],
                color=palette.light(palette.series(one.series)),
                markersize=5,
                alpha=0.7,
                markeredgewidth=0,
            )
        for number, axis in enumerate("xy"):
            _scale(axes, axis, [point[number] for one in of for point in one.points])
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        _legend(figure, of)
    return figure


def steps(of: Sequence[Steps], *, x: str, y: str) -> Figure:
    """Cumulative distributions, in per cent."""
    with _figure(_HEIGHT, legend=len(of) if len(of) > 1 else 0) as (figure, axes):
        for one in of:
            colour = palette.light(palette.series(one.series))
            for points, dashes in ((one.solid, "-"), (one.dashed, "--")):
                lead = [(points[0][0], 0.0), *points]
                axes.step(
                    [point[0] for point in lead],
                    [point[1] for point in lead],
                    linestyle=dashes,
                    color=colour,
                    linewidth=1.6,
                    where="post",
                )
        _scale(axes, "x", [point[0] for one in of for point in (*one.solid, *one.dashed)])
        axes.set_ylim(0, 102)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        _legend(figure, of)
    return figure


def bars(groups: Sequence[tuple[str, Mapping[int, float]]], names: Mapping[int, str], label: str) -> Figure:
    """Groups one below the other, a bar from 0 to 10 for each series that has a value; names above."""
    shown = sorted({number for _, values in groups for number in values})
    thick = 0.13
    height = sum(0.27 + thick * len(values) for _, values in groups)
    legend = len(shown) if len(shown) > 1 else 0
    with _figure(0.75 + height, legend=legend) as (figure, axes):
        top = 0.0
        for group, values in groups:
            axes.text(0, top + 0.2, group, va="bottom", ha="left")
            top += 0.22
            for number, value in sorted(values.items()):
                colour = palette.light(palette.series(number))
                axes.barh(top + thick / 2, value, height=thick * 0.82, color=colour)
                axes.text(10.1, top + thick / 2, f"{value:.1f}", va="center", ha="left", size=_FONT - 1.5)
                top += thick
            top += 0.05
        axes.set_ylim(top, 0)
        axes.set_xlim(0, 10.9)
        axes.set_xticks(range(0, 11, 2))
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(label)
        _legend(figure, [Series(number, names[number], ()) for number in shown])
    return figure


def course(trend: Trend, series: int, label: str) -> Figure:
    """Levels over sessions, a rule where a new one began, the band of the current one, the run at the end."""
    with _figure(_HEIGHT - 0.3) as (figure, axes):
        colour = palette.light(palette.series(series))
        values = [point.value for point in trend.points]
        last, start = len(values) - 1, max(trend.changes, default=0)
        if trend.band is not None:
            axes.fill_between([start - 0.4, last + 0.4], *trend.band, color=colour, alpha=0.16, linewidth=0)
        bounds = [*sorted(trend.changes), last]
        for first, end in zip([0, *bounds[:-1]], bounds, strict=True):
            axes.plot(range(first, end), values[first:end], "-o", color=colour, markersize=4, linewidth=1.4)
        for at in trend.changes:
            axes.axvline(at - 0.5, color=palette.light("edge"), linestyle="--", linewidth=1)
            axes.text(
                at - 0.42, 0.99, _("new level"), va="top", transform=axes.get_xaxis_transform(),
                color=palette.light("faint"), size=_FONT - 1,
            )  # fmt: skip
        axes.plot(last, values[last], "D", color=colour, markersize=8, markeredgecolor=palette.light("ink"))
        _margins(axes, [*values, *(trend.band or ())], highest=10 if trend.metric in SCORES else math.inf)
        axes.set_xlim(-0.6, last + 0.6)
        ticks = sorted({round(place * last / (_MOST_DATES - 1)) for place in range(_MOST_DATES)})
        day, dates = _dates([trend.points[at].date for at in ticks])
        axes.set_xticks(ticks, dates)
        axes.set_xlabel(day)
        axes.set_ylabel(label)
        _plain_numbers(axes, "y")
    return figure


def _dates(of: Sequence[str]) -> tuple[str, list[str]]:
    """Days; where all are of one day, that day and the times of it."""
    days = [safe.line(date[:10]) for date in of]
    times = [match[1] for date in of if (match := _TIME.match(date))]
    return (days[0], times) if len(set(days)) == 1 and len(times) == len(of) else ("", days)


# -- the figure itself --------------------------------------------------------------------------------------


def styled(**more: object) -> AbstractContextManager[None]:
    """What figures are made and saved under: matplotlib looks some of it up when it draws.

    Text is never read as a formula. ``more``: further settings, ``_`` for a dot.
    """
    import matplotlib as mpl

    edge, faint = palette.light("edge"), palette.light("faint")
    style: Any = {
        "text.parse_math": False,
        "text.color": palette.light("ink"),
        "axes.labelcolor": faint,
        "axes.edgecolor": edge,
        "axes.facecolor": "none",
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.xmargin": 0.04,
        "figure.facecolor": palette.light("ground"),
        "font.size": _FONT,
        "grid.color": palette.light("line"),
        "grid.linewidth": 0.7,
        "xtick.color": edge,
        "ytick.color": edge,
        "xtick.labelcolor": faint,
        "ytick.labelcolor": faint,
        **{name.replace("_", "."): value for name, value in more.items()},
    }
    return mpl.rc_context(style)


@contextmanager
def _figure(height: float, *, legend: int = 0) -> Iterator[tuple[Figure, Axes]]:
    """A figure with one axes; a legend of so many lines stands above it."""
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(figsize=(WIDTH, height + 0.2 * legend), layout="constrained")
        yield figure, figure.add_subplot()


def _legend(figure: Figure, of: Sequence[Series] | Sequence[Steps]) -> None:
    """A mark and a name a line, where there are several."""
    from matplotlib.lines import Line2D

    if len(of) < 2:
        return
    marks = [
        Line2D(
            [], [], linestyle="none", marker=palette.MARKS[one.series % palette.SERIES], markersize=6,
            markeredgewidth=0, color=palette.light(palette.series(one.series)),
        )
        for one in of
    ]  # fmt: skip
    names = [f" {one.name}" for one in of]  # a label that begins with "_" would be left out
    figure.legend(
        marks, names, loc="outside upper left", frameon=False, handletextpad=0.1, labelspacing=0.25,
        borderpad=0.1, borderaxespad=0.1,
    )  # fmt: skip


def _scale(axes: Axes, axis: str, values: Sequence[float]) -> None:
    """From 0, or logarithmic where the largest is far from the smallest."""
    smallest, largest = min(values), max(values)
    if smallest > 0 and largest > _WIDE * smallest:
        axes.set(**{f"{axis}scale": "log"})
    else:
        axes.set(**{f"{axis}lim": (0, 1.06 * largest or 1.0)})
    _plain_numbers(axes, axis)


def _margins(axes: Axes, values: Sequence[float], *, highest: float) -> None:
    """A quarter of the span above and below, at least two per cent of the level; no more than ``highest``."""
    low, high = min(values), max(values)
    room = max(0.25 * (high - low), 0.02 * abs(high), 0.01)
    axes.set_ylim(low - room, min(high + 1.6 * room, 1.02 * highest))


def _plain_numbers(axes: Axes, axis: str) -> None:
    """No exponents, which would be set as formulas."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    which = axes.xaxis if axis == "x" else axes.yaxis
    which.set_major_formatter(FuncFormatter(lambda value, __: _number(value)))
    which.set_minor_formatter(NullFormatter())


def _number(value: float) -> str:
    if value == 0 or not math.isfinite(value):
        return "0"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
