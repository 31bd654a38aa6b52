"""Several runs -> the one that they would have been. Pure.

What was parted (over machines, by shards or paths) is put together. What two runs both did is no part of one
run: drift lies between them, so they are two sessions, and that is refused.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, TypeVar

from msgspec import structs

from .errors import UsageError
from .judge import promises, sessions
from .measure.telemetry import steps, summary
from .model import Analysers, Commit, Cost, Facts, Hosted, Part, Record, Run, Selection, Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

T = TypeVar("T")


def merged(runs: Sequence[Run]) -> Run:
    """The runs as one, in whatever order they come; its verdicts are left to the judge. One is itself.

    Raises ``UsageError`` where they can't have been one: a run or a cell that is there twice, another plugin,
    commit, reference, scoring or endpoint, or timings of servers on machines that differ.
    """
    if len(runs) == 1:
        return runs[0]
    runs = sorted(runs, key=lambda run: (run.started, run.id))
    ids = [run.id for run in runs]
    for run in runs:
        if ids.count(run.id) > 1:
            raise UsageError(f"run {run.id} is named twice", hint="name every run once")
    first = runs[0]
    _same((run.id, run.plugin) for run in runs)
    _same((run.id, run.reference or "no reference") for run in runs)
    endpoints = _endpoints(runs)
    _check_hardware(runs, endpoints)
    return Run(
        id="+".join([first.id, *(run.id.rpartition("-")[2] for run in runs[1:])]),
        started=first.started,
        finished=max(run.finished for run in runs),
        complete=_is_complete(runs),
        interrupted=any(run.interrupted for run in runs),
        reference=first.reference,
        plugin=first.plugin,
        host=first.host,
        analysers=_analysers(runs),
        sandbox=_sandbox(runs),
        commit=_commit(runs),
        parts=_parts(runs),
        endpoints=endpoints,
        selection=Selection(
            suites=tuple(sorted({suite for run in runs for suite in run.selection.suites})),
            cells=tuple(sorted({cell for run in runs for cell in run.selection.cells})),
        ),
        cells=_cells(runs),
        telemetry=_telemetry(runs),
        servers=_servers(runs),
        costs=_costs(runs),
        unconfirmed={name: why for run in reversed(runs) for name, why in run.unconfirmed.items()},
        max_time_s=max((run.max_time_s for run in runs if run.max_time_s is not None), default=None),
        cut_off=_cut_off(runs),
        strict=any(run.strict for run in runs),
        fail_inconclusive=any(run.fail_inconclusive for run in runs),
    )


def _is_complete(runs: Sequence[Run]) -> bool:
    """Whether every run is, or is one of the shards that make a whole together."""
    shards = [run.shard for run in runs if run.shard is not None]
    counts = {shard.of for shard in shards}
    covered = {shard.number for shard in shards} == {number + 1 for of in counts for number in range(of)}
    whole = len(counts) <= 1 and covered and all(shard.whole for shard in shards)
    return whole and all(run.complete for run in runs if run.shard is None)


def _parts(runs: Sequence[Run]) -> tuple[Part, ...]:
    """When any of them was under way; none where there was no pause."""
    parts: list[Part] = []
    for part in sorted(_under_way(runs), key=lambda part: part.started_s):
        if parts and part.started_s <= parts[-1].finished_s:
            finished_s = max(part.finished_s, parts[-1].finished_s)
            parts[-1] = Part(started_s=parts[-1].started_s, finished_s=finished_s)
        else:
            parts.append(part)
    return tuple(parts) if len(parts) > 1 else ()


def _under_way(runs: Sequence[Run]) -> Iterator[Part]:
    for run in runs:
        later_s = _seconds(runs[0].started, run.started)
        last_s = max((sample.at_s for record in run.cells for sample in record.samples), default=0.0)
        whole = Part(started_s=0.0, finished_s=max(_seconds(run.started, run.finished), last_s))
        for part in run.parts or (whole,):
            yield Part(started_s=part.started_s + later_s, finished_s=part.finished_s + later_s)


def _refused(what: str, hint: str = "judge them one by one") -> UsageError:
    return UsageError(f"these runs can't be one: {what}", hint=hint)


def _same(known: Iterable[tuple[str, T]]) -> T | None:
    """What all runs that know it agree on: ``(run id, value)``."""
    found: tuple[str, T] | None = None
    for run, value in known:
        if found is not None and found[1] != value:
            raise _refused(f"{found[0]} has {_shown(found[1])}, {run} has {_shown(value)}")
        found = found or (run, value)
    return found[1] if found else None


def _shown(value: object) -> str:
    if isinstance(value, Analysers):
        return ", ".join(f"{name} {one}" for name, one in structs.asdict(value).items())
    return str(value)


def _analysers(runs: Sequence[Run]) -> Analysers | None:
    return _same((run.id, run.analysers) for run in runs if run.analysers is not None)


def _commit(runs: Sequence[Run]) -> Commit | None:
    known = [run.commit for run in runs if run.commit is not None]
    commit = _same((run.id, f"commit {run.commit.id}") for run in runs if run.commit is not None)
    return Commit(id=known[0].id, dirty=any(one.dirty for one in known)) if commit else None


def _sandbox(runs: Sequence[Run]) -> str | None:
    """Without protection in one is without protection."""
    kinds = sorted({run.sandbox for run in runs if run.sandbox is not None})
    return "none" if "none" in kinds else ", ".join(kinds) or None


def _endpoints(runs: Sequence[Run]) -> dict[str, Facts]:
    """What each endpoint is; one may know of it what another could not tell."""
    known: dict[str, tuple[str, Facts]] = {}
    for run in runs:
        for name, facts in run.endpoints.items():
            run_id, before = known.get(name, (run.id, facts))
            if changed := promises.changed_facts(before, facts):
                hint = "they are two sessions of what changed: judge them one by one"
                raise _refused(f"{name} differs between {run_id} and {run.id}: {', '.join(changed)}", hint)
            told = {field: value for field, value in structs.asdict(before).items() if value is not None}
            both = structs.asdict(facts) | told | {"here": before.here or facts.here}
            known[name] = (run_id, Facts(**both))
    return {name: facts for name, (_, facts) in sorted(known.items())}


def _check_hardware(runs: Sequence[Run], endpoints: dict[str, Facts]) -> None:
    """Timings of a server on the machine of the run belong to that machine."""
    machines = {str(sessions.hardware(run)) for run in runs}
    here = sorted(name for name, facts in endpoints.items() if facts.here)
    if here and len(machines) > 1:
        raise _refused(
            f"{', '.join(here)} ran on the machine of the run, and the machines differ: "
            f"{'; '.join(sorted(machines))}"
        )


def _cells(runs: Sequence[Run]) -> tuple[Record, ...]:
    """All records, each of one run; only a reference was asked in several, with another endpoint in each."""
    found: dict[tuple[str, str], tuple[str, Record]] = {}
    for run in runs:
        for record in _later(run.cells, _seconds(runs[0].started, run.started)):
            at = (record.endpoint, record.key)
            if at not in found:
                found[at] = (run.id, record)
                continue
            before = found[at][1]
            if record.endpoint != run.reference or _against(before) & _against(record):
                raise _refused(
                    f"{record.key} on {record.endpoint} is in {found[at][0]} and in {run.id}",
                    "two runs of one cell are two sessions: judge them one by one",
                )
            found[at] = (found[at][0], _both(before, record))
    return tuple(record for _, (_, record) in sorted(found.items()))


def _cut_off(runs: Sequence[Run]) -> dict[str, tuple[str, ...]]:
    """What one run had no time for, and no other did."""
    cells: dict[str, set[str]] = {}
    for run in runs:
        for name, cut_off in run.cut_off.items():
            done = {
                one.key for other in runs if other is not run for one in other.cells if one.endpoint == name
            }
            cells.setdefault(name, set()).update(set(cut_off) - done)
    return {name: tuple(sorted(left)) for name, left in sorted(cells.items()) if left}


def _seconds(earlier: str, later: str) -> float:
    return (dt.datetime.fromisoformat(later) - dt.datetime.fromisoformat(earlier)).total_seconds()


def _later(records: Iterable[Record], by_s: float) -> Iterator[Record]:
    """The records as a run has them that started so much earlier."""
    for record in records:
        samples = (structs.replace(one, at_s=round(one.at_s + by_s, 3)) for one in record.samples)
        yield structs.replace(record, samples=tuple(samples)) if by_s else record


def _against(record: Record) -> set[str | None]:
    return {sample.against for sample in record.samples}


def _both(one: Record, other: Record) -> Record:
    windows = [record.telemetry for record in (one, other) if record.telemetry is not None]
    costs = [record.cost for record in (one, other) if record.cost is not None]
    return structs.replace(
        one,
        samples=one.samples + other.samples,
        load=one.load + other.load,
        telemetry=summary.of_cells(windows),
        cost=sum(costs, Cost()) if costs else None,
    )


def _telemetry(runs: Sequence[Run]) -> dict[str, Telemetry]:
    windows: dict[str, list[Telemetry]] = {}
    for run in runs:
        for name, telemetry in run.telemetry.items():
            windows.setdefault(name, []).append(telemetry)
    found = {}
    for name, of_runs in sorted(windows.items()):
        taken = next((one.steps for one in of_runs if one.steps), {})
        whole = summary.of_cells(of_runs)
        if whole is not None:
            found[name] = steps.with_steps(whole, {step: taken[step] for step in taken if step != "peak"})
    return found


def _servers(runs: Sequence[Run]) -> dict[str, Hosted]:
    """A server that several runs started; its cold start is the first one's."""
    lives: dict[str, Hosted] = {}
    for run in runs:
        for name, life in run.servers.items():
            before = lives.get(name)
            lives[name] = (
                life
                if before is None
                else structs.replace(
                    before, starts=before.starts + life.starts, death=before.death or life.death
                )
            )
    return dict(sorted(lives.items()))


def _costs(runs: Sequence[Run]) -> dict[str, Cost]:
    costs: dict[str, Cost] = {}
    for run in runs:
        for name, cost in run.costs.items():
            costs[name] = costs.get(name, Cost()) + cost
    return dict(sorted(costs.items()))
