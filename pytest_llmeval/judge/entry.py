"""What may enter a baseline, and what the baseline is then. Pure: values in, values out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from pytest_llmeval.model import SCORES, Facts, Policy, Run, Verdict

from . import promises, sentences, sessions
from .sessions import Baseline, CellFigures, Epoch, Fingerprints, Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NOTHING = "nothing was appended to the baselines"


def refused_run(run: Run, verdicts: Iterable[Verdict], *, force: bool) -> str | None:
    """Why no session of this run may enter, and what to do; None where it may."""
    if run.interrupted:
        return f"the run was interrupted: {NOTHING}"
    if run.reference is not None:
        return f"the run was asked in turn with {run.reference}, which is another load: {NOTHING}"
    if not run.complete and not force:
        return (
            f"the run is partial, not all cells ran: {NOTHING} (llmeval baseline update --force appends it)"
        )
    red = sorted({verdict.endpoint for verdict in verdicts if verdict.red})
    if red:
        return (
            f"the run is red on {sentences.names(red)}: {NOTHING}; "
            f"if its level is the new one on purpose: llmeval baseline accept {red[0]}"
        )
    return None


def refused_endpoint(
    run: Run, endpoint: str, old: Baseline | None, policy: Policy, *, new_epoch: bool = False
) -> str | None:
    """Why this endpoint's part of the run may not enter; None where it may."""
    if unfit := _unfit(run, endpoint):
        return unfit
    pause_s = sessions.too_long_a_pause_s(run, endpoint, policy)
    if pause_s is not None:
        return f"{endpoint}: {sentences.pause(pause_s, policy)}, so it is no session"
    epochs = old.epochs if old else ()
    searched = epochs[-1:] if new_epoch else epochs
    if any(session.run == run.id for epoch in searched for session in epoch.sessions):
        return f"{endpoint}: its baseline already holds run {run.id}"
    return None


def _unfit(run: Run, endpoint: str) -> str | None:
    """Why its samples are no evidence."""
    records = sessions.records(run, endpoint)
    samples = [sample for record in records for sample in record.samples]
    if not any(sample.ok for sample in samples):
        return f"{endpoint}: no request was answered in run {run.id}, so it is no session"
    failed = sum(not sample.ok for sample in samples)
    if failed:
        return f"{endpoint}: {sentences.count(failed, 'request')} failed in run {run.id}, so it is no session"
    if any(sample.transport == "replay" for sample in samples):
        return f"{endpoint}: the run was replayed, not measured, so it is no session"
    void = [sample.void for sample in samples if sample.void]
    if 2 * len(void) > len(samples):
        return f"{endpoint}: most samples are void ({void[0]}), so the run is no session"
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
        return old, f"{old.endpoint}: every cell of its baseline is still there"
    drop = set(gone)
    left = [
        structs.replace(one, cells={key: cell for key, cell in one.cells.items() if key not in drop})
        for one in old.sessions
    ]
    epoch = structs.replace(old.epochs[-1], sessions=tuple(one for one in left if one.cells))
    new = structs.replace(old, epochs=(*old.epochs[:-1], epoch))
    return new, f"{old.endpoint}: {sentences.count(len(gone), 'cell')} removed: {sentences.names(gone)}"


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
    said = f"{old.endpoint}: {sentences.count(done, 'session')} of {len(old.sessions)} scored anew"
    reasons: dict[str, list[str]] = {}
    for one in old.sessions:
        if one.run in why_not:
            reasons.setdefault(why_not[one.run], []).append(one.run)
    for why, runs in reasons.items():
        said += f"; {sentences.names(runs)} not: {why}"
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
    count = sentences.count(len(new.sessions), "session")
    text = f"{new.endpoint}: session {session.run} appended to {file} ({count}, {len(session.cells)} cells)"
    before = old.cells if old else {}
    fresh = sorted(session.cells.keys() - before.keys()) if before else []
    unused = sessions.vanished(new.cells, run)
    for what, keys in (
        ("new", fresh),
        ("asked otherwise", sessions.asked_otherwise(before, session.cells)),
        ("checked otherwise", sessions.checked_otherwise(before, session.cells)),
        ("unused", unused),
    ):
        if keys:
            text += f"; {what}: {sentences.names(keys)}"
    if unused:
        text += f" (llmeval baseline prune {new.endpoint})"
    if facts := promises.changed_facts(old.facts if old else None, new.facts):
        text += f"; the endpoint changed: {', '.join(facts)}"
    return text
