"""An endpoint's level over the sessions of its baseline, and where a run must lie that changed nothing. Pure.

The figures are the gate's own: the same sessions count, the run's point is the shift that is judged, and the
band is the interval of that shift around the level of the current epoch. Earlier epochs are shown over the
cells that were asked the same.
"""

from __future__ import annotations

import math
from statistics import fmean, median
from typing import TYPE_CHECKING

from msgspec import structs

from .judge import comparable, promises, sessions
from .judge.metric import examine
from .judge.metrics import METRICS, Metric
from .model import Policy
from .report.page import Point, Trend

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .judge.comparable import Comparable
    from .judge.sessions import Baseline
    from .model import Record, Run

SHOWN = ("output_tps", "ttft_s", "correctness", "quality")
LEAST_SESSIONS = 3
"""Of the current epoch, for a band: with fewer the gate tells a collapse only."""


def of(baseline: Baseline, run: Run, policy: Policy | None = None) -> Iterator[Trend]:
    """A trend for every metric that run and baseline share. The run itself is no session of its own."""
    policy = policy or Policy()
    earlier = structs.replace(baseline, epochs=tuple(_without(epoch, run.id) for epoch in baseline.epochs))
    records = sessions.records(run, baseline.endpoint)
    now = comparable.with_baseline(earlier, run, records, policy)
    whole = _in_one(earlier)
    always = comparable.with_baseline(whole, run, records, policy) if whole else now
    for name in SHOWN:
        found = _trend(METRICS[name], earlier, (now, always), records, policy)
        if found is not None:
            yield found._replace(
                points=(*found.points[:-1], found.points[-1]._replace(run=run.id, date=run.started))
            )


def _without(epoch: sessions.Epoch, run: str) -> sessions.Epoch:
    return structs.replace(epoch, sessions=tuple(one for one in epoch.sessions if one.run != run))


def _in_one(baseline: Baseline) -> Baseline | None:
    """All sessions as one epoch."""
    every = tuple(session for epoch in baseline.epochs for session in epoch.sessions)
    if baseline.facts is None:
        return None
    return structs.replace(baseline, epochs=(sessions.Epoch(facts=baseline.facts, sessions=every),))


def _trend(
    metric: Metric,
    baseline: Baseline,
    known: tuple[Comparable, Comparable],
    records: Sequence[Record],
    policy: Policy,
) -> Trend | None:
    now, always = known
    new = {
        record.key: values
        for record in records
        if sessions.is_judged(record, metric)
        and (values := sessions.figures(record, metric.name))
        and not (metric.timing and sessions.starved(record))
    }
    allowance = metric.allowed(policy.of(baseline.endpoint, metric.name))
    evidence = examine(now.figures(metric), new, metric, allowance)
    if evidence is None:
        return None
    current = [_values(figures, new, metric) for figures in now.figures(metric)]
    means = {
        cell: fmean(one[cell] for one in current if cell in one)
        for cell in new
        if any(cell in one for one in current)
    }
    centre = fmean(means.values())
    points = []
    for session, figures in zip(always.counting(metric), always.figures(metric), strict=True):
        level = _values(figures, new, metric)
        off = [level[cell] - mean for cell, mean in means.items() if cell in level]
        if 2 * len(off) >= len(means):
            points.append(Point(session.run, session.date, _unit(metric, centre + fmean(off))))
    points.append(Point("", "", _unit(metric, centre + evidence.whole.size)))
    low, high = evidence.whole.interval()
    reach = (high - low) / 2
    ends = sorted((_unit(metric, centre - reach), _unit(metric, centre + reach)))
    return Trend(
        endpoint=baseline.endpoint,
        metric=metric.name,
        points=tuple(points),
        band=(ends[0], ends[1]) if evidence.sessions >= LEAST_SESSIONS else None,
        changes=_changes(baseline, [point.run for point in points]),
    )


def _values(
    figures: Mapping[str, Sequence[float]], cells: Mapping[str, object], metric: Metric
) -> dict[str, float]:
    """Cell -> its value in one session, on the good scale: the median of timings, the mean of scores."""
    centre = median if metric.timing else fmean
    good = {cell: [y for y in map(metric.good, figures.get(cell, ())) if y is not None] for cell in cells}
    return {cell: centre(values) for cell, values in good.items() if values}


def _unit(metric: Metric, good: float) -> float:
    """A value on the good scale in the metric's own unit."""
    if metric.scale == "points":
        return min(10.0, max(0.0, good))
    return math.exp(good if metric.higher_is_better else -good)


def _changes(baseline: Baseline, runs: Sequence[str]) -> dict[int, str]:
    """Place of the first point of every epoch but the first -> what the endpoint was from then on."""
    changes = {}
    for before, epoch in zip(baseline.epochs, baseline.epochs[1:], strict=False):
        own = {session.run for session in epoch.sessions}
        at = next((place for place, run in enumerate(runs) if run in own), None)
        if at:
            changes[at] = ", ".join(promises.changed_facts(before.facts, epoch.facts))
    return changes
