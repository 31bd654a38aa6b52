"""The plots of a report: what is drawn for whom, and in words what they show."""

from __future__ import annotations

from statistics import fmean, median
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pytest_llmeval.language import N_, _, ngettext
from pytest_llmeval.model import SCORES

from . import beside, compare, drawing, grid, safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from matplotlib.figure import Figure

    from .compare import Side
    from .page import Trend

T = TypeVar("T")

MAX_DOTS = 400
"""Of one endpoint in one plot: evenly taken from all, sorted; more can't be told apart."""
TREND = "trend-"
"""What the names of plots over sessions begin with."""
_MOST_CATEGORIES = 16
_MOST_SIDES = 12
_LONGEST_NAME = 34
_MEMORY = {
    "gpu_memory_used_bytes": N_("GPU memory in use, GiB"),
    "process_memory_bytes": N_("Memory, GiB"),
}
"""Of each of ``beside.MEMORY``."""
_LABELS = {
    "output_tps": N_("speed, tok/s"),
    "ttft_s": N_("TTFT, s"),
    "correctness": N_("correctness, of 10"),
    "quality": N_("quality, of 10"),
    "clarity": N_("clarity, of 10"),
    "total": N_("total, of 10"),
}


class Plot(NamedTuple):
    """A plot. ``name`` is a slug, ``said`` what it shows in words."""

    name: str
    title: str
    said: str
    figure: Figure


def of_sides(of: Sequence[Side]) -> Iterator[Plot]:
    """What the endpoints were measured and scored by, as far as there are figures."""
    shown = of[:_MOST_SIDES]
    for make in (_response_time, _speed, _memory, _ttft_against_speed, _gaps, _categories):
        plot = make(shown)
        if plot is not None:
            yield plot


def of_trends(trends: Sequence[Trend]) -> Iterator[Plot]:
    """A plot for each metric of each endpoint over its sessions."""
    colours = {name: at for at, name in enumerate(dict.fromkeys(trend.endpoint for trend in trends))}
    for number, trend in enumerate(trends):
        label = _(_LABELS[trend.metric])
        title = f"{named(trend.endpoint)}: {label}"
        figure = drawing.course(trend, colours[trend.endpoint], label)
        yield Plot(f"{TREND}{number}-{trend.metric.replace('_', '-')}", title, _course_said(trend), figure)


def named(name: str) -> str:
    """An endpoint's name as plots have it."""
    return grid.cut(safe.line(name), _LONGEST_NAME, keep_end=False)


# -- endpoints ----------------------------------------------------------------------------------------------


def _response_time(of: Sequence[Side]) -> Plot | None:
    return _spread("response-time", _("Response time"), "s", "latency_s", of)


def _speed(of: Sequence[Side]) -> Plot | None:
    return _spread("speed", _("Speed"), "tok/s", "output_tps", of)


def _spread(name: str, title: str, unit: str, metric: str, of: Sequence[Side]) -> Plot | None:
    """A dot a cell and their median, for each endpoint."""
    rows = []
    for number, side in enumerate(of):
        values = sorted(_values(side, metric))
        if values:
            middle = median(values)
            rows.append(drawing.Row(number, named(side.name), middle, grid.digits(middle), thinned(values)))
    if not rows:
        return None
    medians = ", ".join(f"{row.name} {row.written} {unit}" for row in rows)
    said = _("Each dot is a cell. Medians: {medians}.", medians=medians)
    return Plot(name, f"{title}, {unit}", said, drawing.rows(rows, unit))


def _memory(of: Sequence[Side]) -> Plot | None:
    for metric in beside.MEMORY:
        known = [(number, side, compare.peak_gib(side, metric)) for number, side in enumerate(of)]
        rows = [
            drawing.Row(number, named(side.name), peak, grid.digits(peak))
            for number, side, peak in known
            if peak is not None
        ]
        if rows:
            peaks = ", ".join(f"{row.name} {row.written} GiB" for row in rows)
            said = _("At the peak: {peaks}.", peaks=peaks)
            return Plot("memory", _(_MEMORY[metric]), said, drawing.rows(rows, "GiB"))
    return None


def _ttft_against_speed(of: Sequence[Side]) -> Plot | None:
    series = []
    for number, side in enumerate(of):
        pairs = sorted(
            (ttft, speed)
            for record in side.records.values()
            if (ttft := record.figure("ttft_s")) is not None
            and (speed := record.figure("output_tps")) is not None
        )
        if pairs:
            series.append(drawing.Series(number, named(side.name), thinned(pairs)))
    if not series:
        return None
    said = _("Each mark is a cell; the best are at the top left, quick to begin and quick to go on.")
    figure = drawing.scatter(series, x=_(_LABELS["ttft_s"]), y=_(_LABELS["output_tps"]))
    return Plot("ttft-speed", _("TTFT against speed"), said, figure)


def _gaps(of: Sequence[Side]) -> Plot | None:
    series = []
    said = []
    for number, side in enumerate(of):
        samples = [one for record in side.records.values() for one in record.samples if one.ok]
        known = [one for one in samples if one.void is None and one.gap_p50_s and one.gap_p99_s]
        if known:
            typical = sorted(1e3 * one.gap_p50_s for one in known if one.gap_p50_s)
            longest = sorted(1e3 * one.gap_p99_s for one in known if one.gap_p99_s)
            name = named(side.name)
            series.append(drawing.Steps(number, name, thinned(_shares(typical)), thinned(_shares(longest))))
            middles = grid.digits(median(typical)), grid.digits(median(longest))
            said.append(
                _("{name} {typical} ms and {long} ms", name=name, typical=middles[0], long=middles[1])
            )
    if not series:
        return None
    text = _(
        "The share of answers whose gap between two tokens is at most so long: solid an answer's median gap, "
        "dashed its 99th percentile. Medians: {medians}.",
        medians=", ".join(said),
    )
    figure = drawing.steps(series, x=_("gap between tokens, ms"), y=_("answers, %"))
    return Plot("gaps", _("Gaps between tokens"), text, figure)


def _shares(values: Sequence[float]) -> list[tuple[float, float]]:
    """The cumulative distribution of sorted values, in per cent."""
    return [(value, 100 * (place + 1) / len(values)) for place, value in enumerate(values)]


def _categories(of: Sequence[Side]) -> Plot | None:
    """The mean score of each category, over the cells of each endpoint."""
    for metric in SCORES:
        found: dict[str, dict[int, float]] = {}
        for number, side in enumerate(of):
            by_category: dict[str, list[float]] = {}
            for record in side.records.values():
                if (value := record.figure(metric)) is not None:
                    by_category.setdefault(record.category, []).append(value)
            for category, values in by_category.items():
                found.setdefault(category, {})[number] = fmean(values)
        if found:
            worst = sorted(found, key=lambda category: (min(found[category].values()), category))
            groups = [(named(category), found[category]) for category in worst[:_MOST_CATEGORIES]]
            said = _("The mean of each category, the lowest first.")
            if left_out := len(worst) - len(groups):
                said += " " + ngettext("{count} more is left out.", "{count} more are left out.", left_out)
            names = {number: named(side.name) for number, side in enumerate(of)}
            figure = drawing.bars(groups, names, _(_LABELS[metric]))
            return Plot("categories", _("Scores by category"), said, figure)
    return None


def _values(side: Side, metric: str) -> list[float]:
    known = (record.figure(metric) for record in side.records.values())
    return [value for value in known if value is not None]


def thinned(values: Sequence[T], most: int = MAX_DOTS) -> list[T]:
    """At most so many of sorted values, evenly spaced, the first and the last among them."""
    if len(values) <= most:
        return list(values)
    return [values[round(place * (len(values) - 1) / (most - 1))] for place in range(most)]


# -- sessions -----------------------------------------------------------------------------------------------


def _course_said(trend: Trend) -> str:
    written: Callable[[float], str] = grid.digits
    run = trend.points[-1].value
    said = ngettext(
        "{count} session, and this run at {level}.",
        "{count} sessions, and this run at {level}.",
        len(trend.points) - 1,
        level=written(run),
    )
    said += "".join(" " + _("New level: {changes}.", changes=one) for one in trend.changes.values() if one)
    if trend.band is None:
        return f"{said} {_('Too few sessions of one level to tell where an unchanged run lies.')}"
    low, high = (written(end) for end in trend.band)
    if trend.band[0] <= run <= trend.band[1]:
        return f"{said} " + _(
            "An unchanged run lies in the band, {low} to {high}, in 19 of 20 cases; this one does.",
            low=low,
            high=high,
        )
    return f"{said} " + _(
        "An unchanged run lies in the band, {low} to {high}, in 19 of 20 cases; this one does not.",
        low=low,
        high=high,
    )
