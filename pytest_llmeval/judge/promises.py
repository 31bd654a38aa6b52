"""Promises that need no statistics: answered requests, floors, the window, cells that are still there."""

from __future__ import annotations

from statistics import fmean, median
from typing import TYPE_CHECKING

from pytest_llmeval import values
from pytest_llmeval.language import N_, _, ngettext
from pytest_llmeval.model import SCORES, Facts, Policy, Record, Run, Verdict

from . import sentences, sessions
from .metrics import METRICS, Metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .comparable import Comparable
    from .sessions import Baseline

_FACTS = ("kind", "server", "model", "quantization", "context_window")


def about_requests(endpoint: str, records: Sequence[Record]) -> list[Verdict]:
    """Every cell with a failed request is red."""
    verdicts = []
    for record in records:
        failed = [sample for sample in record.samples if not sample.ok]
        if failed:
            error = next((sample.error for sample in failed if sample.error is not None), None)
            why = f" ({error.kind}: {error.message.splitlines()[0]})" if error and error.message else ""
            sentence = ngettext(
                "{cell}: {failed} of {count} request failed",
                "{cell}: {failed} of {count} requests failed",
                len(record.samples),
                cell=sentences.on(endpoint, record.key),
                failed=len(failed),
            )
            verdicts.append(
                Verdict(
                    endpoint=endpoint,
                    metric="errors",
                    cell=record.key,
                    verdict="regressed",
                    worse=True,
                    sentence=f"{sentence}{why}",
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
        sentence = _(
            "{endpoint} is not what its baseline was made with: {changed}",
            endpoint=endpoint,
            changed=", ".join(changed),
        )
        verdicts.append(Verdict(endpoint=endpoint, metric="facts", verdict="ok", sentence=sentence))
    if old.context_window and new.context_window and new.context_window < old.context_window:
        verdicts.append(
            Verdict(
                endpoint=endpoint,
                metric="context_window",
                verdict="regressed",
                effect=new.context_window / old.context_window - 1,
                worse=True,
                sentence=_(
                    "the context window of {endpoint} shrank from {before} to {now} tokens; "
                    "if this is intended: llmeval baseline accept {endpoint}",
                    endpoint=endpoint,
                    before=old.context_window,
                    now=new.context_window,
                ),
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
        cells = {key: samples for key, samples in figures.get(name, {}).items() if samples}
        if floor is None or not cells:
            continue
        value = fmean(_centre(metric, samples) for samples in cells.values())
        if (value < floor) if metric.higher_is_better else (value > floor):
            below = N_("{metric} of {who} is {value}, below the policy's floor of {floor}")
            above = N_("{metric} of {who} is {value}, above the policy's floor of {floor}")
            broken[name] = _(
                below if metric.higher_is_better else above,
                metric=name,
                who=sentences.subject(cells, endpoint),
                value=values.apart(value, floor),
                floor=f"{floor:g}",
            )
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
            sentence=_(
                "{cell} is missing: its baseline has it, no scenario yields it any more; "
                "if it was removed on purpose: llmeval baseline prune {endpoint}",
                cell=sentences.on(endpoint, key),
                endpoint=endpoint,
            ),
        )
        for key in gone
    ]
    known = {*gone, *run.cut_off.get(endpoint, ())}
    not_run = [key for key in promised if key not in ran and key not in known]
    if not_run:
        sentence = ngettext(
            "{count} cell of {endpoint} was not run: {names}",
            "{count} cells of {endpoint} were not run: {names}",
            len(not_run),
            endpoint=endpoint,
            names=sentences.names(not_run),
        )
        verdicts.append(Verdict(endpoint=endpoint, metric="cells", verdict="not run", sentence=sentence))
    new = sorted(ran - promised.keys())
    if new:
        sentence = ngettext(
            "{count} cell is new to the baseline of {endpoint}: {names}; llmeval baseline update takes it in",
            "{count} cells are new to the baseline of {endpoint}: {names}; "
            "llmeval baseline update takes them in",
            len(new),
            endpoint=endpoint,
            names=sentences.names(new),
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
            sentence=_not_timed(sentences.on(endpoint, cell), reason),
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
            sentence=_not_timed(endpoint, sentences.pause(past.pause_s, policy)),
        )
    ]


def _not_timed(who: str, why: str) -> str:
    return _("timings of {who} were not judged: {why}", who=who, why=why)


def about_pairs(endpoint: str, reference: str, unlike: Sequence[str], *, compared: bool) -> list[Verdict]:
    """What could not be compared with a reference: cells ``unlike`` its own, or everything."""
    if unlike:
        sentence = ngettext(
            "{cells} was asked with other parameters than on {reference} and can't be compared; "
            "give both endpoints the same temperature, seed and max_tokens",
            "{cells} were asked with other parameters than on {reference} and can't be compared; "
            "give both endpoints the same temperature, seed and max_tokens",
            len(unlike),
            cells=sentences.on(endpoint, sentences.names(unlike)),
            reference=reference,
        )
        cell = unlike[0] if len(unlike) == 1 else None
        return [
            Verdict(endpoint=endpoint, metric="parameters", cell=cell, verdict="stale", sentence=sentence)
        ]
    if compared:
        return []
    sentence = _(
        "{endpoint} was not compared with {reference}: no round has figures of both that count",
        endpoint=endpoint,
        reference=reference,
    )
    return [Verdict(endpoint=endpoint, metric="reference", verdict="inconclusive", sentence=sentence)]


def about_time(run: Run) -> list[Verdict]:
    """What there was no time for, whether or not a baseline has it; red under ``--llm-strict``."""
    verdicts = []
    for endpoint, cells in sorted(run.cut_off.items()):
        limit = values.duration(run.max_time_s) if run.max_time_s else "…"
        sentence = ngettext(
            "{count} cell of {endpoint} was cut off by --llm-max-time={limit}: {names}",
            "{count} cells of {endpoint} were cut off by --llm-max-time={limit}: {names}",
            len(cells),
            endpoint=endpoint,
            limit=limit,
            names=sentences.names(cells),
        )
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
        was = f" ({_('in its baseline {value}', value=f'{fmean(map(fmean, then)):.1f}')})" if then else ""
        told.append(f"{name} {fmean(map(fmean, now.values())):.1f}{was}")
    if not told:
        return []
    sentence = _(
        "scores of {who} are shown, not gated (gate: false): {scores}",
        who=sentences.on(endpoint, sentences.names([record.key for record in shown])),
        scores=", ".join(told),
    )
    return [Verdict(endpoint=endpoint, metric="ungated", verdict="ok", sentence=sentence)]
