"""Readings -> peak, mean and growth, by the endings that ``protocol`` defines. Pure."""

from __future__ import annotations

from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING

from msgspec import structs

from pytest_llmeval.model import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .protocol import Figures

COUNTERS = ("_total", "_sum", "_count")


def of_readings(figures: Sequence[Figures], *, during: slice = slice(None)) -> Telemetry:
    """One source's figures in the order of time; ``wall_s`` is left 0.

    ``during`` are those that were read while requests ran. They alone make the means: the readings before and
    after them see an idle server. Peaks and growth use all. Where there are none, the means use all too.
    """
    inner = [one for one in figures[during] if one] or figures
    gauges = {name: None for one in figures for name in one if not name.endswith(COUNTERS)}
    counters = {name: None for one in figures for name in one if name.endswith(COUNTERS)}
    total = {name: _growth([one[name] for one in figures if name in one]) for name in counters}
    means = {name: [one[name] for one in inner if name in one] for name in gauges}
    return Telemetry(
        wall_s=0.0,
        samples=sum(1 for one in figures if one),
        peak={name: max(one[name] for one in figures if name in one) for name in gauges},
        mean={name: fmean(values) for name, values in means.items() if values} | quotients(total),
        total=total,
    )


def together(sources: Iterable[Telemetry]) -> Telemetry:
    """Several sources' summaries of one window; no two of them tell the same metric."""
    whole = Telemetry(wall_s=0.0)
    for one in sources:
        whole = structs.replace(
            whole,
            samples=whole.samples + one.samples,
            missed=whole.missed + one.missed,
            peak=whole.peak | one.peak,
            mean=whole.mean | one.mean,
            total=whole.total | one.total,
        )
    return whole


def of_cells(cells: Iterable[Telemetry]) -> Telemetry | None:
    """An endpoint's telemetry from its cells': highest peaks, means weighted by time; None without any."""
    windows = list(cells)
    if not windows:
        return None
    total: dict[str, float] = {}
    peak: dict[str, float] = {}
    for window in windows:
        for name, value in window.total.items():
            total[name] = total.get(name, 0.0) + value
        for name, value in window.peak.items():
            peak[name] = max(value, peak.get(name, value))
    gauges = {name: None for window in windows for name in window.mean}
    return Telemetry(
        wall_s=sum(window.wall_s for window in windows),
        samples=sum(window.samples for window in windows),
        missed=sum(window.missed for window in windows),
        cpu_s=sum(window.cpu_s for window in windows),
        peak=peak,
        mean={name: _mean_over(windows, name) for name in gauges} | quotients(total),
        total=total,
        absent={source: why for window in windows for source, why in window.absent.items()},
    )


def quotients(total: Figures) -> dict[str, float]:
    """``X`` for every ``X_sum`` and ``X_count``, where anything was counted."""
    pairs = (
        (name.removesuffix("_count"), total.get(f"{name.removesuffix('_count')}_sum"), count)
        for name, count in total.items()
        if name.endswith("_count")
    )
    return {name: of / count for name, of, count in pairs if of is not None and count > 0}


def _growth(values: Sequence[float]) -> float:
    """What a counter grew by; one that fell was restarted at 0 in between."""
    return sum(after - before if after >= before else after for before, after in pairwise(values))


def _mean_over(windows: Sequence[Telemetry], name: str) -> float:
    known = [(window.mean[name], window.wall_s) for window in windows if name in window.mean]
    wall_s = sum(weight for _, weight in known)
    if not wall_s:
        return fmean(value for value, _ in known)
    return sum(value * weight for value, weight in known) / wall_s
