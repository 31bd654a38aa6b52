"""Endpoints that answered the same questions -> who wins what, how surely, in sentences. Pure.

Speeds and times are compared as the gate compares a run with one session of a baseline, so that the drift
between two times of asking is no difference; where the two were asked in turn, drift cancels. Scores are
compared in pairs over cells. The 95 % of all that is told together are kept by Holm's method.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from .judge import metric as judged
from .judge import pairs, sentences, sessions, stats
from .judge.metrics import METRICS, Metric
from .language import N_, _

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .judge.evidence import Shift
    from .judge.pairs import Figures
    from .report.compare import Side

TOLD = ("output_tps", "ttft_s", "latency_s", "load_tps", "correctness", "quality")
LEAST_CELLS = 5
"""With fewer, one lucky answer decides about a score."""
MOST_SIDES = 12
"""Every two are compared: of a hundred endpoints that are 4,950 pairs, minutes, and nothing that is sure."""
_ALPHA = 0.05
_MOVED = {
    "slower": N_("{amount} slower ({span}, {cells})"),
    "faster": N_("{amount} faster ({span}, {cells})"),
    "longer": N_("{noun} {amount} longer ({span}, {cells})"),
    "shorter": N_("{noun} {amount} shorter ({span}, {cells})"),
    "lower": N_("{noun} {amount} lower ({span}, {cells})"),
    "higher": N_("{noun} {amount} higher ({span}, {cells})"),
}
"""By the metric's word for it; only the speed is the endpoint's own."""


class Duel(NamedTuple):
    """One metric of two sides, by their places. ``shift`` is positive where ``one`` is better."""

    metric: Metric
    one: int
    other: int
    shift: Shift
    cells: int

    @property
    def p(self) -> float:
        """Two-sided."""
        return min(1.0, 2 * min(self.shift.p, self.shift.p_gain))


def told(of: Sequence[Side]) -> list[str]:
    """A sentence for the side that wins most against each of the others, then what to know about them."""
    if len(of) < 2:
        return [_("one endpoint alone: there is nothing to compare it with")]
    if len(of) > MOST_SIDES:
        template = N_("{count} endpoints are too many to say who wins what; of {most} and fewer it is said")
        return [_(template, count=len(of), most=MOST_SIDES)]
    duels = [duel for one, other in combinations(range(len(of)), 2) for duel in _duels(of, one, other)]
    sure = stats.holm({number: (duel.p, 1.0) for number, duel in enumerate(duels)}, _ALPHA)
    wins = Counter(
        duel.one if duel.shift.size > 0 else duel.other for number, duel in enumerate(duels) if number in sure
    )
    first = max(range(len(of)), key=lambda place: (wins[place], -place))
    lines = []
    for place in (place for place in range(len(of)) if place != first):
        clauses = [
            _clause(duel, duel.one == first, number in sure)
            for number, duel in enumerate(duels)
            if {duel.one, duel.other} == {first, place}
        ]
        versus = _("{one} against {other}", one=of[first].name, other=of[place].name)
        said = "; ".join(clauses) or _("nothing that both were asked alike and can tell")
        lines.append(f"{versus}: {said}")
    return [*lines, *_notes(of)]


def _duels(of: Sequence[Side], one: int, other: int) -> Iterator[Duel]:
    """What two sides can be compared in. The first is the candidate where the other was its reference."""
    ours, theirs = of[one], of[other]
    if ours.run is theirs.run and ours.run.reference == ours.endpoint:
        one, other, ours, theirs = other, one, theirs, ours
    for metric in (METRICS[name] for name in TOLD):
        if not metric.timing and sessions.scoring(ours.run) != sessions.scoring(theirs.run):
            continue
        in_turn = ours.run is theirs.run and ours.run.reference == theirs.endpoint
        new, old = _figures(ours, theirs, metric, in_turn=in_turn)
        shared = [key for key in new if new[key] and old.get(key)]
        if not shared or (not metric.timing and len(shared) < LEAST_CELLS):
            continue
        allowance = metric.allowance
        evidence = (
            judged.examine([old], new, metric, allowance)
            if metric.timing and not in_turn
            else judged.examine([], new, metric, allowance, reference=old)
        )
        if evidence is not None:
            yield Duel(metric, one, other, evidence.whole, len(shared))


def _figures(ours: Side, theirs: Side, metric: Metric, *, in_turn: bool) -> tuple[Figures, Figures]:
    """Of the cells that both were asked alike, those whose client kept up, and scored by the same checks."""
    records = list(ours.records.values())
    paired = pairs.of(ours.endpoint, records, list(theirs.records.values()))
    if in_turn:
        return paired.figures(records, metric)
    new: Figures = {}
    old: Figures = {}
    for record in (record for record in records if sessions.is_judged(record, metric)):
        partner = paired.records.get(record.key)
        if partner is None or (metric.timing and record.key in paired.starved):
            continue
        if not metric.timing and not sessions.checked_alike(record, partner):
            continue
        new[record.key] = list(sessions.figures(record, metric.name))
        old[record.key] = list(sessions.figures(partner, metric.name))
    return new, old


def _clause(duel: Duel, is_first: bool, sure: bool) -> str:
    """``18 % faster (12 to 24 %, 10 cells)`` or ``quality the same within noise (−0.1 to 0.2 points, …)``."""
    metric, sign = duel.metric, 1 if is_first else -1
    size = sign * duel.shift.size
    low, high = sorted(metric.effect(sign * end) for end in duel.shift.interval())
    noun, cells = _(metric.noun), sentences.cells(duel.cells)
    if not sure:
        template = N_("{noun} the same within noise ({span}, {cells})")
        return _(template, noun=noun, span=sentences.span(metric, low, high), cells=cells)
    effect = metric.effect(size)
    if effect < 0:
        low, high = -high, -low
    template = _MOVED[metric.better if size > 0 else metric.worse]
    amount = sentences.amount(metric, effect)
    return _(template, noun=noun, amount=amount, span=sentences.span(metric, low, high), cells=cells)


def _has_few_scores(of: Sequence[Side]) -> bool:
    """Whether two sides both have a score in some cells, and in too few to compare it."""
    for metric in (name for name in TOLD if not METRICS[name].timing):
        scored = [
            {key for key, record in side.records.items() if record.figure(metric) is not None} for side in of
        ]
        if any(0 < len(one & other) < LEAST_CELLS for one, other in combinations(scored, 2)):
            return True
    return False


def _notes(of: Sequence[Side]) -> Iterator[str]:
    """What a reader must know before believing the sentences."""
    runs = {side.run.id: side.run for side in of}
    alone = len(runs) == 1 and next(iter(runs.values())).reference is not None and len(of) == 2
    yield _("in brackets: 95 % intervals; in at most 5 % of comparisons a difference is told that is none")
    if not alone:
        yield _(
            "not asked in turn: the usual drift between sessions is allowed for; "
            "pytest --llm-reference=NAME sees smaller differences of speed"
        )
    if _has_few_scores(of):
        yield _("scores are compared over {least} and more cells that both have", least=LEAST_CELLS)
    if len({str(sessions.scoring(run)) for run in runs.values()}) > 1:
        yield _("the runs were scored by different analysers or rules: their scores are not compared")
    machines = {
        str(sessions.hardware(side.run))
        for side in of
        if side.endpoint in side.run.endpoints and side.run.endpoints[side.endpoint].here
    }
    if len(machines) > 1:
        yield _("servers ran on machines that differ: {machines}", machines="; ".join(sorted(machines)))
    for run in runs.values():
        if not run.complete:
            yield _("run {run} is not complete: only cells that both have are compared", run=run.id)
