"""Promises that need no statistics: answered requests, floors, the window, cells that are still there."""

from __future__ import annotations

from statistics import fmean, median
from typing import TYPE_CHECKING

from pytest_llmeval import values
from pytest_llmeval.model import SCORES, Facts, Policy, Record, Run, Verdict

from . import sentences, sessions
from .metrics import METRICS, Metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .comparable import Comparable
    from .sessions import Baseline

_SCORED_ANEW = "llmeval baseline rescore scores its answers anew, llmeval baseline update takes this run in"
_FACTS = ("kind", "server", "model", "quantization", "context_window")


def about_requests(endpoint: str, records: Sequence[Record]) -> list[Verdict]:
    """Every cell with a failed request is red."""
    verdicts = []
    for record in records:
        failed = [sample for sample in record.samples if not sample.ok]
        if failed:
            error = next((sample.error for sample in failed if sample.error is not None), None)
            why = f" ({error.kind}: {error.message.splitlines()[0]})" if error and error.message else ""
            verdicts.append(
                Verdict(
                    endpoint=endpoint,
                    metric="errors",
                    cell=record.key,
                    verdict="regressed",
                    worse=True,
                    sentence=f"{record.key} on {endpoint}: {len(failed)} of "
                    f"{sentences.count(len(record.samples), 'request')} failed{why}",
                )
            )
    return verdicts


def changed_facts(old: Facts | None, new: Facts | None) -> list[str]:
    """``model m → n`` for each fact that both tell and that differs."""
    known = [(name, getattr(old, name, None), getattr(new, name, None)) for name in _FACTS]
    return [
        f"{name.replace('_', ' ')} {before} → {after}"
        for name, before, after in known
        if before != after and None not in {before, after}
    ]


def about_facts(endpoint: str, old: Facts | None, new: Facts | None) -> list[Verdict]:
    """What the endpoint is now, where that changed: for information, but a window that shrank is red."""
    if old is None or new is None:
        return []
    verdicts = []
    if changed := changed_facts(old, new):
        sentence = f"{endpoint} is not what its baseline was made with: {', '.join(changed)}"
        verdicts.append(Verdict(endpoint=endpoint, metric="facts", verdict="ok", sentence=sentence))
    if old.context_window and new.context_window and new.context_window < old.context_window:
        verdicts.append(
            Verdict(
                endpoint=endpoint,
                metric="context_window",
                verdict="regressed",
                effect=new.context_window / old.context_window - 1,
                worse=True,
                sentence=f"the context window of {endpoint} shrank from {old.context_window} to "
                f"{new.context_window} tokens; if this is intended: llmeval baseline accept {endpoint}",
            )
        )
    return verdicts


def broken_floors(
    endpoint: str, figures: Mapping[str, Mapping[str, Sequence[float]]], policy: Policy
) -> dict[str, str]:
    """Metric -> sentence, for each whose value over the run's cells breaks the policy's floor."""
    broken = {}
    for name, metric in METRICS.items():
        floor = policy.of(endpoint, name).floor
        cells = {key: values for key, values in figures.get(name, {}).items() if values}
        if floor is None or not cells:
            continue
        value = fmean(_centre(metric, values) for values in cells.values())
        if (value < floor) if metric.higher_is_better else (value > floor):
            side = "below" if metric.higher_is_better else "above"
            who = sentences.subject(cells, endpoint)
            broken[name] = f"{name} of {who} is {value:.3g}, {side} the policy's floor of {floor:g}"
    return broken


def _centre(metric: Metric, values: Sequence[float]) -> float:
    return median(values) if metric.timing else fmean(values)


def about_cells(baseline: Baseline, run: Run, records: Sequence[Record]) -> list[Verdict]:
    """Cells of the baseline that are gone (red, one each) or were not run, and cells that are new to it."""
    endpoint = baseline.endpoint
    promised, ran = baseline.cells, {record.key for record in records}
    gone = sessions.vanished((key for key in promised if key not in ran), run)
    verdicts = [
        Verdict(
            endpoint=endpoint,
            metric="cells",
            cell=key,
            verdict="missing",
            worse=True,
            sentence=f"{key} on {endpoint} is missing: its baseline has it, no scenario yields it any "
            f"more; if it was removed on purpose: llmeval baseline prune {endpoint}",
        )
        for key in gone
    ]
    known = {*gone, *run.cut_off.get(endpoint, ())}
    not_run = [key for key in promised if key not in ran and key not in known]
    if not_run:
        verb = "was" if len(not_run) == 1 else "were"
        what = f"{sentences.count(len(not_run), 'cell')} of {endpoint} {verb} not run"
        sentence = f"{what}: {sentences.names(not_run)}"
        verdicts.append(Verdict(endpoint=endpoint, metric="cells", verdict="not run", sentence=sentence))
    new = sorted(ran - promised.keys())
    if new:
        what, them = ("1 cell is", "it") if len(new) == 1 else (f"{len(new)} cells are", "them")
        sentence = (
            f"{what} new to the baseline of {endpoint}: {sentences.names(new)}; "
            f"llmeval baseline update takes {them} in"
        )
        verdicts.append(Verdict(endpoint=endpoint, metric="cells", verdict="new", sentence=sentence))
    return verdicts


def about_starvation(endpoint: str, reasons: Mapping[str, str], policy: Policy) -> list[Verdict]:
    """Cells that the client could not keep up with: their timings say nothing about the endpoint.

    ``reasons``: cell -> why. Where no timing is gated, nothing depends on it.
    """
    gated = any(one.timing and one.share(policy.of(endpoint, one.name)) for one in METRICS.values())
    return [
        Verdict(
            endpoint=endpoint,
            metric="timings",
            cell=cell,
            verdict="inconclusive" if gated else "ok",
            sentence=f"timings of {cell} on {endpoint} were not judged: {reason}",
        )
        for cell, reason in reasons.items()
    ]


def about_pause(endpoint: str, past: Comparable, policy: Policy) -> list[Verdict]:
    """A run that was resumed too late is more than one session: drift lies between its timings."""
    if past.pause_s is None:
        return []
    return [
        Verdict(
            endpoint=endpoint,
            metric="timings",
            verdict="inconclusive",
            sentence=f"timings of {endpoint} were not judged: {sentences.pause(past.pause_s, policy)}",
        )
    ]


def about_pairs(endpoint: str, reference: str, unlike: Sequence[str], *, compared: bool) -> list[Verdict]:
    """What could not be compared with a reference: cells ``unlike`` its own, or everything."""
    if unlike:
        verb = "was" if len(unlike) == 1 else "were"
        sentence = (
            f"{sentences.names(unlike)} on {endpoint} {verb} asked with other parameters than on {reference} "
            "and can't be compared; give both endpoints the same temperature, seed and max_tokens"
        )
        cell = unlike[0] if len(unlike) == 1 else None
        return [
            Verdict(endpoint=endpoint, metric="parameters", cell=cell, verdict="stale", sentence=sentence)
        ]
    if compared:
        return []
    sentence = f"{endpoint} was not compared with {reference}: no round has figures of both that count"
    return [Verdict(endpoint=endpoint, metric="reference", verdict="inconclusive", sentence=sentence)]


def about_time(run: Run) -> list[Verdict]:
    """What there was no time for, whether or not a baseline has it; red under ``--llm-strict``."""
    verdicts = []
    for endpoint, cells in sorted(run.cut_off.items()):
        verb = "was" if len(cells) == 1 else "were"
        what = f"{sentences.count(len(cells), 'cell')} of {endpoint} {verb} cut off"
        limit = f" by --llm-max-time={values.duration(run.max_time_s)}" if run.max_time_s else ""
        sentence = f"{what}{limit}: {sentences.names(cells)}"
        verdicts.append(Verdict(endpoint=endpoint, metric="time", verdict="not run", sentence=sentence))
    return verdicts


def about_ungated(endpoint: str, records: Sequence[Record], past: Comparable) -> list[Verdict]:
    """What the cells score whose scenarios say ``gate: false``, and what they did: for information."""
    shown = [record for record in records if not record.gate]
    told = []
    for name in SCORES:
        now = {record.key: values for record in shown if (values := sessions.figures(record, name))}
        if not now:
            continue
        then = [old[key] for old in past.figures(METRICS[name]) for key in old.keys() & now.keys()]
        was = f" (in its baseline {fmean(map(fmean, then)):.1f})" if then else ""
        told.append(f"{name} {fmean(map(fmean, now.values())):.1f}{was}")
    if not told:
        return []
    who = f"{sentences.names([record.key for record in shown])} on {endpoint}"
    sentence = f"scores of {who} are shown, not gated (gate: false): {', '.join(told)}"
    return [Verdict(endpoint=endpoint, metric="ungated", verdict="ok", sentence=sentence)]


def about_staleness(endpoint: str, comparable: Comparable) -> list[Verdict]:
    """What can't be compared, and why: one verdict a reason, with the cell where it is one."""
    reasons = []
    for what, said in (("prompt", "another prompt"), ("parameters", "other parameters")):
        cells = sorted(key for key, changed in comparable.asked_otherwise.items() if changed == what)
        if cells:
            verb = "was" if len(cells) == 1 else "were"
            sentence = f"{sentences.names(cells)} on {endpoint} {verb} asked with {said} than in the baseline"
            remedy = "llmeval baseline update takes that in"
            reasons.append((what, cells[0] if len(cells) == 1 else None, sentence, remedy))
    if cells := sorted(comparable.scored_otherwise):
        sentence = (
            f"scores of {sentences.names(cells)} on {endpoint} come from other checks than in the baseline"
        )
        remedy = _SCORED_ANEW
        reasons.append(("checks", cells[0] if len(cells) == 1 else None, sentence, remedy))
    if comparable.sessions and not comparable.scores and _has_scores(comparable):
        sentence = f"scores of {endpoint} come from other analysers or rules than those of its baseline"
        remedy = _SCORED_ANEW
        reasons.append(("scoring", None, sentence, remedy))
    if comparable.sessions and not comparable.timings:
        sentence = f"timings in the baseline of {endpoint} were measured on another machine"
        remedy = "update from where you gate, or test the machine too by compare_hardware = true in [policy]"
        reasons.append(("hardware", None, sentence, remedy))
    return [
        Verdict(
            endpoint=endpoint,
            metric=what,
            cell=cell,
            verdict="stale",
            sentence=f"{sentence} and can't be compared; {remedy}",
        )
        for what, cell, sentence, remedy in reasons
    ]


def _has_scores(comparable: Comparable) -> bool:
    return any(
        sample.score is not None for record in comparable.records.values() for sample in record.samples
    )
