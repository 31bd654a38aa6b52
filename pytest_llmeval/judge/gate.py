"""``judge_run``: every promise of every endpoint of a run, within one budget of false alarms an endpoint."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field, structs

from pytest_llmeval.language import _, ngettext
from pytest_llmeval.model import Policy, Record, Run, Verdict

from . import comparable, confirm, pairs, promises, sessions, staleness, stats
from .metric import Frame, Judgement, RawSamples, decide, examine
from .metrics import METRICS, Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .comparable import Comparable
    from .evidence import Evidence
    from .pairs import Pairs
    from .sessions import Baseline


class Verdicts(Struct, frozen=True, kw_only=True):
    """Every verdict on a run; iterating yields them. ``header``: the budget, or why nothing was judged.

    ``suspects``: endpoint -> the cells behind its statistical red verdicts that nobody has measured once more
    yet, those to begin with first.
    """

    header: str
    lines: tuple[Verdict, ...] = ()
    judged: bool = True
    suspects: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def red(self) -> bool:
        """Whether any verdict fails the build."""
        return any(verdict.red for verdict in self.lines)


def judge_run(
    baselines: Mapping[str, Baseline], run: Run, policy: Policy | None = None, *, reference: str | None = None
) -> Verdicts:
    """The verdicts on ``run`` against ``baselines`` (endpoint -> its baseline; one without is ``new``).

    Each endpoint has ``policy.alpha`` of false alarms, divided over its gated metrics by weight. With
    ``reference`` (default: the run's own), an endpoint of the same run that was asked in turn with the
    others, these are compared with it instead of with their baselines. An interrupted run is not judged.
    """
    policy = policy or Policy()
    reference = reference or run.reference
    if run.interrupted:
        header = ngettext(
            "interrupted: {count} cell ran; nothing was judged",
            "interrupted: {count} cells ran; nothing was judged",
            len(run.cells),
        )
        return Verdicts(header=header, judged=False)
    names = sessions.endpoints(run)
    lines: list[Verdict] = []
    suspects: dict[str, tuple[str, ...]] = {}
    for name in names:
        records = sessions.records(run, name)
        if reference is None:
            said, suspects[name] = _endpoint(name, records, baselines.get(name), run, policy)
        elif name == reference:
            said = promises.about_requests(name, records)
        else:
            said, suspects[name] = _in_turn(name, records, reference, run, policy)
        lines += said
    lines += promises.about_time(run)
    judged = [name for name in names if name != reference]
    return Verdicts(
        header=_header(policy.alpha, len(judged)),
        lines=tuple(lines),
        suspects={name: cells for name, cells in suspects.items() if cells},
    )


def _header(alpha: float, endpoints: int) -> str:
    each = f"{alpha * 100:g} %"
    if endpoints == 1:
        return _("at most {each} of unchanged builds are red", each=each)
    return _(
        "at most {each} of unchanged builds are red for each of {endpoints} endpoints, {in_all} in all",
        each=each,
        endpoints=endpoints,
        in_all=f"{min(1.0, alpha * endpoints) * 100:g} %",
    )


def _endpoint(
    name: str, records: Sequence[Record], baseline: Baseline | None, run: Run, policy: Policy
) -> tuple[list[Verdict], tuple[str, ...]]:
    """One endpoint against its baseline; and its ``Verdicts.suspects``."""
    lines = promises.about_requests(name, records)
    figures = {metric: _figures(records, METRICS[metric]) for metric in METRICS}
    floors = promises.broken_floors(name, figures, policy)
    if baseline is None or not baseline.sessions:
        new = _(
            "{endpoint} has no baseline: nothing to compare with; pytest --llm-update-baselines or "
            "llmeval baseline update makes one",
            endpoint=name,
        )
        lines += _with_floors([], floors, name)
        return [*lines, Verdict(endpoint=name, metric="baseline", verdict="new", sentence=new)], ()
    past = comparable.with_baseline(baseline, run, records, policy)
    lines = promises.about_facts(name, baseline.facts, run.endpoints.get(name)) + lines
    look = partial(_looked, name, past=past, policy=policy)
    judged, suspects = _confirmed(name, records, look, run)
    lines += _with_floors(_every_line(name, judged), floors, name)
    if past.timings and past.pause_s is None:
        reasons = {record.key: reason for record in records if (reason := sessions.starved(record))}
        lines += promises.about_starvation(name, reasons, policy)
    lines += promises.about_ungated(name, records, past)
    lines += promises.about_pause(name, past, policy)
    lines += promises.about_cells(baseline, run, records)
    lines += staleness.verdicts(name, past)
    return lines, suspects


def _in_turn(
    name: str, records: Sequence[Record], reference: str, run: Run, policy: Policy
) -> tuple[list[Verdict], tuple[str, ...]]:
    """One endpoint against another that was asked in turn with it; and its ``Verdicts.suspects``."""
    lines = promises.about_requests(name, records)
    figures = {metric: _figures(records, METRICS[metric]) for metric in METRICS}
    floors = promises.broken_floors(name, figures, policy)
    paired = pairs.of(name, records, sessions.records(run, reference))
    look = partial(_looked_in_turn, name, paired=paired, than=reference, policy=policy)
    judged, suspects = _confirmed(name, records, look, run)
    lines += _with_floors(_every_line(name, judged), floors, name)
    lines += promises.about_starvation(name, paired.starved, policy)
    compared = bool(judged or paired.starved)
    return lines + promises.about_pairs(name, reference, paired.unlike, compared=compared), suspects


Judgements = dict[str, Judgement]
"""Metric -> its judgement."""


def _confirmed(
    name: str, records: Sequence[Record], look: Callable[[Sequence[Record]], Judgements], run: Run
) -> tuple[Judgements, tuple[str, ...]]:
    """What two looks say, where cells were measured once more; and the cells to be measured once more."""
    judged = look(confirm.first_look(records))
    suspects = confirm.suspects(judged)
    if not suspects:
        return judged, ()
    judged = confirm.agreed(judged, look(records), records, why_not=run.unconfirmed.get(name))
    seen_twice = confirm.seen_twice(records)
    return judged, tuple(cell for cell in suspects if cell not in seen_twice)


def _looked(name: str, records: Sequence[Record], *, past: Comparable, policy: Policy) -> Judgements:
    """What the samples of these records say against a baseline's sessions."""
    found: dict[str, Evidence] = {}
    figures = {metric: _figures(records, METRICS[metric]) for metric in METRICS}
    for metric in METRICS.values():
        allowance = metric.allowed(policy.of(name, metric.name))
        evidence = examine(past.figures(metric), figures[metric.name], metric, allowance)
        if evidence is not None:
            found[metric.name] = evidence
    since = past.sessions[0].date.partition("T")[0]
    return _decided(name, found, figures, policy, than=_("its baseline"), since=since)


def _looked_in_turn(
    name: str, records: Sequence[Record], *, paired: Pairs, than: str, policy: Policy
) -> Judgements:
    """What they say against a reference, round by round."""
    found: dict[str, Evidence] = {}
    figures: dict[str, RawSamples] = {}
    for metric in METRICS.values():
        new, old = paired.figures(records, metric)
        evidence = examine((), new, metric, metric.allowed(policy.of(name, metric.name)), reference=old)
        if evidence is not None:
            found[metric.name], figures[metric.name] = evidence, new
    return _decided(name, found, figures, policy, than=than)


def _figures(records: Sequence[Record], metric: Metric) -> RawSamples:
    """One metric of every cell that is judged by it; timings of a starved cell are none."""
    found = {}
    for record in (record for record in records if sessions.is_judged(record, metric)):
        values = sessions.figures(record, metric.name)
        if values and not (metric.timing and sessions.starved(record)):
            found[record.key] = values
    return found


def _decided(
    name: str,
    found: Mapping[str, Evidence],
    figures: Mapping[str, RawSamples],
    policy: Policy,
    **words: str,
) -> Judgements:
    """A judgement on every metric that has evidence: the gated ones share alpha, the others are shown.

    ``words``: ``than``, and ``since`` where there are sessions, of their ``Frame``.
    """
    weights = {metric: METRICS[metric].share(policy.of(name, metric)) for metric in found}
    total = sum(weights.values())
    tests = {
        (metric, cell): test
        for metric, evidence in found.items()
        for cell, test in evidence.hypotheses(weights[metric]).items()
    }
    rejected = stats.holm(tests, policy.alpha)
    judged = {}
    for metric, evidence in found.items():
        gated = weights[metric] > 0
        alpha = policy.alpha * (weights[metric] / total if gated else METRICS[metric].weight)
        significant = (
            {cell for one, cell in rejected if one == metric}
            if gated
            else stats.holm(evidence.hypotheses(), alpha)
        )
        frame = Frame(
            metric=METRICS[metric],
            allowance=METRICS[metric].allowed(policy.of(name, metric)),
            alpha=alpha,
            cells=tuple(figures[metric]),
            endpoint=name,
            gated=gated,
            **words,
        )
        judged[metric] = decide(evidence, significant, frame)
    return judged


def _every_line(name: str, judged: Judgements) -> list[Verdict]:
    return [line for metric, one in judged.items() for line in _said(name, metric, one)]


def _said(name: str, metric: str, judged: Judgement) -> list[Verdict]:
    """The whole, and the cells that have something to say beyond it."""
    apart = (
        [] if len(judged.cells) < 2 else [item for item in judged.cells.items() if _apart(item[1], judged)]
    )
    return [_line(name, metric, None, judged), *(_line(name, metric, cell, one) for cell, one in apart)]


def _apart(cell: Judgement, whole: Judgement) -> bool:
    """Whether a cell moved, or seemed to, and where the whole moved as well, surely further than that."""
    if cell.confirmed is False and whole.confirmed is None:
        return True
    if cell.verdict not in {"regressed", "improved"}:
        return False
    if cell.verdict != whole.whole or cell.interval is None or cell.effect is None or whole.effect is None:
        return True
    nearest = min(cell.interval, key=abs)
    return abs(nearest) > abs(whole.effect) and min(cell.interval) * max(cell.interval) > 0


def _line(name: str, metric: str, cell: str | None, judged: Judgement) -> Verdict:
    same: dict[str, Any] = {
        key: getattr(judged, key)
        for key in ("verdict", "effect", "worse", "interval", "p", "detectable", "sessions", "confirmed")
    }
    sentence = judged.sentence
    if judged.verdict == "regressed" and judged.sessions:
        sentence = _(
            "{sentence}; if this is intended: llmeval baseline accept {endpoint}",
            sentence=sentence,
            endpoint=name,
        )
    return Verdict(endpoint=name, metric=metric, cell=cell, sentence=sentence, **same)


def _with_floors(lines: list[Verdict], floors: Mapping[str, str], name: str) -> list[Verdict]:
    """A broken floor makes its metric's verdict red, whatever the statistics say, and is said first."""
    wholes = {line.metric: line for line in lines if line.cell is None}
    said = [
        structs.replace(
            line, verdict="regressed", worse=True, sentence=f"{floors[line.metric]}; {line.sentence}"
        )
        if line.cell is None and line.metric in floors
        else line
        for line in lines
    ]
    return said + [
        Verdict(endpoint=name, metric=metric, verdict="regressed", worse=True, sentence=sentence)
        for metric, sentence in floors.items()
        if metric not in wholes
    ]
