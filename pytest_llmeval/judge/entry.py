"""What may enter a baseline, and what the baseline is then. Pure: values in, values out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from pytest_llmeval.language import N_, _, ngettext
from pytest_llmeval.model import SCORES, Facts, Policy, Run, Verdict

from . import promises, sentences, sessions
from .sessions import Baseline, CellFigures, Epoch, Fingerprints, Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def refused_run(run: Run, verdicts: Iterable[Verdict], *, force: bool) -> str | None:
    """Why no session of this run may enter, and what to do; None where it may."""
    if run.interrupted:
        return _("the run was interrupted: nothing was appended to the baselines")
    if run.reference is not None:
        return _(
            "the run was asked in turn with {reference}, which is another load: "
            "nothing was appended to the baselines",
            reference=run.reference,
        )
    if not run.complete and not force:
        return _(
            "the run is partial, not all cells ran: nothing was appended to the baselines "
            "(llmeval baseline update --force appends it)"
        )
    red = [verdict for verdict in verdicts if verdict.red]
    if red:
        return _red_run(red)
    return None


def refused_tests(run: Run) -> str | None:
    """Why no session of a run may enter of which a test failed, though it was answered; None where none did.

    What broke a floor would be the level that later runs are measured by.
    """
    failed = [one for one in run.cells if one.failed_though_answered]
    if not failed:
        return None
    first = failed[0]
    return ngettext(
        "{cell} on {endpoint} failed ({why}): nothing was appended to the baselines; "
        "if its level is the new one on purpose: llmeval baseline accept {endpoint}",
        "{count} cells failed, {cell} on {endpoint} first ({why}): nothing was appended to the baselines; "
        "if its level is the new one on purpose: llmeval baseline accept {endpoint}",
        len(failed),
        cell=first.key,
        endpoint=first.endpoint,
        why=(first.failure or "").partition("\n")[0],
    )


def _red_run(red: Sequence[Verdict]) -> str:
    """What moved may be accepted as a new level; requests that failed never are."""
    names = sentences.names(sorted({verdict.endpoint for verdict in red}))
    moved = sorted({verdict.endpoint for verdict in red if verdict.metric != "errors"})
    if moved:
        return _(
            "the run is red on {endpoints}: nothing was appended to the baselines; "
            "if its level is the new one on purpose: llmeval baseline accept {first}",
            endpoints=names,
            first=moved[0],
        )
    return _("the run is red on {endpoints}: nothing was appended to the baselines", endpoints=names)


def refused_endpoint(
    run: Run, endpoint: str, old: Baseline | None, policy: Policy, *, new_epoch: bool = False
) -> str | None:
    """Why this endpoint's part of the run may not enter; None where it may."""
    if unfit := _unfit(run, endpoint):
        return unfit
    pause_s = sessions.too_long_a_pause_s(run, endpoint, policy)
    if pause_s is not None:
        return _(
            "{endpoint}: {why}, so it is no session", endpoint=endpoint, why=sentences.pause(pause_s, policy)
        )
    epochs = old.epochs if old else ()
    searched = epochs[-1:] if new_epoch else epochs
    if any(session.run == run.id for epoch in searched for session in epoch.sessions):
        return _("{endpoint}: its baseline already holds run {run}", endpoint=endpoint, run=run.id)
    return None


def _unfit(run: Run, endpoint: str) -> str | None:
    """Why its samples are no evidence."""
    records = sessions.records(run, endpoint)
    samples = [sample for record in records for sample in record.samples]
    if not any(sample.ok for sample in samples):
        return _(
            "{endpoint}: no request was answered in run {run}, so it is no session",
            endpoint=endpoint,
            run=run.id,
        )
    failed = sum(not sample.ok for sample in samples)
    if failed:
        return ngettext(
            "{endpoint}: {count} request failed in run {run}, so it is no session",
            "{endpoint}: {count} requests failed in run {run}, so it is no session",
            failed,
            endpoint=endpoint,
            run=run.id,
        )
    if any(sample.transport == "replay" for sample in samples):
        return _("{endpoint}: the run was replayed, not measured, so it is no session", endpoint=endpoint)
    void = [sample.void for sample in samples if sample.void]
    if 2 * len(void) > len(samples):
        return _(
            "{endpoint}: most samples are void ({why}), so the run is no session",
            endpoint=endpoint,
            why=void[0],
        )
    return None


def appended(old: Baseline | None, run: Run, endpoint: str, keep: int) -> Baseline:
    """The baseline with the run as the latest session of its current epoch."""
    new = sessions.session(run, endpoint)
    facts = run.endpoints.get(endpoint) or (old.facts if old else None) or Facts(kind="unknown")
    past = old.sessions if old else ()
    epoch = Epoch(facts=facts, sessions=sessions.kept((*past, new), keep))
    return Baseline(endpoint=endpoint, epochs=(*(old.epochs[:-1] if old else ()), epoch))


def accepted(old: Baseline | None, run: Run, endpoint: str) -> Baseline:
    """The baseline with a new epoch that starts with the run."""
    new = appended(None, run, endpoint, keep=1)
    return structs.replace(new, epochs=(*(old.epochs if old else ()), *new.epochs))


def pruned(old: Baseline, gone: Sequence[str]) -> tuple[Baseline, str]:
    """The baseline without these cells in its current epoch, and a sentence."""
    if not gone:
        return old, _("{endpoint}: every cell of its baseline is still there", endpoint=old.endpoint)
    drop = set(gone)
    left = [
        structs.replace(one, cells={key: cell for key, cell in one.cells.items() if key not in drop})
        for one in old.sessions
    ]
    epoch = structs.replace(old.epochs[-1], sessions=tuple(one for one in left if one.cells))
    new = structs.replace(old, epochs=(*old.epochs[:-1], epoch))
    return new, ngettext(
        "{endpoint}: {count} cell removed: {names}",
        "{endpoint}: {count} cells removed: {names}",
        len(gone),
        endpoint=old.endpoint,
        names=sentences.names(gone),
    )


def rescored(
    old: Baseline,
    scored: Mapping[str, Mapping[str, CellFigures]],
    scoring: dict[str, str],
    why_not: Mapping[str, str],
) -> tuple[Baseline, str]:
    """The baseline with the sessions of the runs in ``scored`` scored anew, and a sentence.

    A session whose cells are not all in ``scored`` stays as it is: half of it would be compared with nothing.
    """
    left = [_session_rescored(one, scored.get(one.run, {}), scoring) for one in old.sessions]
    done = sum(one is not before for one, before in zip(left, old.sessions, strict=True))
    said = ngettext(
        "{endpoint}: {count} session of {sessions} scored anew",
        "{endpoint}: {count} sessions of {sessions} scored anew",
        done,
        endpoint=old.endpoint,
        sessions=len(old.sessions),
    )
    reasons: dict[str, list[str]] = {}
    for one in old.sessions:
        if one.run in why_not:
            reasons.setdefault(why_not[one.run], []).append(one.run)
    for why, runs in reasons.items():
        said += f"; {_('{runs} not: {why}', runs=sentences.names(runs), why=why)}"
    if not done:
        return old, said
    epoch = structs.replace(old.epochs[-1], sessions=tuple(left))
    return structs.replace(old, epochs=(*old.epochs[:-1], epoch)), said


def _session_rescored(one: Session, new: Mapping[str, CellFigures], scoring: dict[str, str]) -> Session:
    if not one.cells or not one.cells.keys() <= new.keys():
        return one
    cells = {key: _with_scores(cell, new[key]) for key, cell in one.cells.items()}
    prints = Fingerprints(scoring=scoring, hardware=one.fingerprints.hardware)
    return structs.replace(one, cells=cells, fingerprints=prints)


def _with_scores(cell: CellFigures, new: CellFigures) -> CellFigures:
    timings = {metric: values for metric, values in cell.samples.items() if metric not in SCORES}
    scores = {metric: values for metric, values in new.samples.items() if metric in SCORES}
    return structs.replace(cell, samples=timings | scores, checks_sha256=new.checks_sha256)


def said(old: Baseline | None, new: Baseline, run: Run, file: str) -> str:
    """What an update changed: cells that are new, asked otherwise or unused now, and the endpoint itself."""
    session = new.sessions[-1]
    text = _(
        "{endpoint}: session {run} appended to {file} ({sessions}, {cells})",
        endpoint=new.endpoint,
        run=session.run,
        file=file,
        sessions=sentences.sessions(len(new.sessions)),
        cells=sentences.cells(len(session.cells)),
    )
    before = old.cells if old else {}
    fresh = sorted(session.cells.keys() - before.keys()) if before else []
    for template, keys in (
        (N_("cells new: {names}"), fresh),
        (N_("cells asked otherwise: {names}"), sessions.asked_otherwise(before, session.cells)),
        (N_("cells checked otherwise: {names}"), sessions.checked_otherwise(before, session.cells)),
        (
            N_("unused: {names} (llmeval baseline prune {endpoint})"),
            sessions.vanished(new.cells, run),
        ),
    ):
        if keys:
            text += f"; {_(template, names=sentences.names(keys), endpoint=new.endpoint)}"
    if facts := promises.changed_facts(old.facts if old else None, new.facts):
        text += f"; {_('the endpoint changed: {facts}', facts=', '.join(facts))}"
    return text
