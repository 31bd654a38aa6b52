"""Runs put together are the run that they would have been."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from pytest_llmeval.errors import UsageError
from pytest_llmeval.judge import judge_run
from pytest_llmeval.merge import merged
from pytest_llmeval.model import (
    Analysers,
    Commit,
    Cost,
    Facts,
    Host,
    Hosted,
    Record,
    Run,
    Sample,
    Selection,
    Telemetry,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

ANALYSERS = Analysers(pylint="4", astroid="4", radon="6", python="3.11", rules="r")
KEYS = tuple(f"s/{name}/en" for name in "abcdef")


def record(key: str, endpoint: str = "box", against: str | None = None, tps: float = 50.0) -> Record:
    suite, scenario, language = key.split("/")
    return Record(
        endpoint=endpoint,
        suite=suite,
        scenario=scenario,
        language=language,
        category="c",
        prompt_sha256="p",
        parameters_sha256="q",
        samples=tuple(
            Sample(round=at, at_s=float(at), ok=True, output_tps=tps + at, against=against) for at in range(3)
        ),
    )


def run(*records: Record, number: int = 1, **known: Any) -> Run:
    fixed: dict[str, Any] = {
        "id": f"20261121T03450{number}Z-{number}",
        "started": "2026-11-21T03:45:01Z",
        "finished": f"2026-11-21T03:46:0{number}Z",
        "complete": True,
        "plugin": "0.1.0",
        "host": Host(cpus=2, os="linux", python="3.11", cpu_model="chip"),
        "analysers": ANALYSERS,
        "commit": Commit(id="c0", dirty=False),
        "endpoints": {one.endpoint: Facts(kind="openai", model="m") for one in records},
        "selection": Selection(suites=("s",), cells=KEYS),
        "cells": tuple(sorted(records, key=lambda one: (one.endpoint, one.key))),
    }
    return Run(**fixed | known)


def refused(*runs: Run) -> str:
    with pytest.raises(UsageError) as caught:
        merged(runs)
    return str(caught.value)


def parts(whole: Run, owners: Sequence[int]) -> list[Run]:
    """The run as several, each with the cells that are its own and what is known of their endpoints."""
    found = []
    for number in sorted(set(owners)):
        cells = tuple(one for one, owner in zip(whole.cells, owners, strict=True) if owner == number)
        names = {one.endpoint for one in cells}
        found.append(
            structs.replace(
                whole,
                id=f"{whole.id}{number}",
                cells=cells,
                endpoints={name: facts for name, facts in whole.endpoints.items() if name in names},
            )
        )
    return found


@given(st.data())
def test_parts_in_any_order_are_the_whole(data: st.DataObject) -> None:
    whole = run(*(record(key, endpoint) for key in KEYS for endpoint in ("box", "other")))
    owners = data.draw(st.lists(st.integers(0, 3), min_size=12, max_size=12))
    put_together = merged(data.draw(st.permutations(parts(whole, owners))))
    assert structs.replace(put_together, id=whole.id) == whole
    assert judge_run({}, put_together) == judge_run({}, whole)


def test_one_run_is_itself() -> None:
    one = run(record("s/a/en"))
    assert merged([one]) is one


def test_every_field_of_a_run_is_put_together() -> None:
    """A new one has to be thought of in ``merge``, and named here."""
    assert set(Run.__struct_fields__) == {
        "schema", "id", "started", "finished", "complete", "interrupted", "reference", "plugin", "host",
        "analysers", "sandbox", "commit", "endpoints", "selection", "cells", "telemetry", "servers", "costs",
        "unconfirmed", "max_time_s", "cut_off", "verdicts", "parts", "shard", "strict",
            "fail_inconclusive",
    }  # fmt: skip


def test_times_count_from_the_first_start_and_names_say_what_is_in_it() -> None:
    late = run(record("s/b/en"), number=2, started="2026-11-21T03:46:31Z")
    both = merged([late, run(record("s/a/en"))])
    assert (both.started, both.finished) == ("2026-11-21T03:45:01Z", "2026-11-21T03:46:02Z")
    assert [one.at_s for one in both.cells[1].samples] == [90.0, 91.0, 92.0]
    assert both.id == "20261121T034501Z-1+2"


def test_what_is_only_said_of_one_part_holds_for_all() -> None:
    whole = merged(
        [
            run(record("s/a/en"), analysers=None, sandbox="landlock"),
            run(record("s/b/en"), number=2, complete=False, commit=Commit(id="c0", dirty=True)),
            run(record("s/c/en"), number=3, interrupted=True, sandbox="none"),
        ]
    )
    assert (whole.complete, whole.interrupted, whole.sandbox) == (False, True, "none")
    assert whole.commit == Commit(id="c0", dirty=True)
    assert whole.analysers == ANALYSERS


def test_what_one_run_had_no_time_for_another_may_have_done() -> None:
    short = {"max_time_s": 60.0, "complete": False}
    first = run(record("s/a/en"), cut_off={"box": ("s/b/en", "s/c/en")}, **short)
    second = run(record("s/b/en"), number=2, cut_off={"box": ("s/c/en", "s/d/en")}, max_time_s=90.0)
    both = merged([first, second])
    assert both.cut_off == {"box": ("s/c/en", "s/d/en")}
    assert both.max_time_s == 90.0


def test_what_was_seen_beside_the_answers_is_added_up() -> None:
    first = run(
        record("s/a/en"),
        telemetry={"box": Telemetry(wall_s=1.0, peak={"m": 3.0}, mean={"m": 1.0}, total={"n_total": 1.0})},
        servers={"box": Hosted(starts=1, cold_start_s=2.0, log="box.log")},
        costs={"box": Cost(1.0)},
    )
    second = run(
        record("s/b/en"),
        number=2,
        telemetry={"box": Telemetry(wall_s=3.0, peak={"m": 2.0}, mean={"m": 2.0}, total={"n_total": 2.0})},
        servers={"box": Hosted(starts=2, cold_start_s=9.0, log="box.log", death="died")},
        costs={"box": Cost(0.5, unknown=1)},
        unconfirmed={"box": "no time"},
    )
    both = merged([first, second])
    assert both.telemetry["box"].mean == {"m": 1.75}
    assert (both.telemetry["box"].peak, both.telemetry["box"].total) == ({"m": 3.0}, {"n_total": 3.0})
    assert both.servers["box"] == Hosted(starts=3, cold_start_s=2.0, log="box.log", death="died")
    assert both.costs["box"] == Cost(1.5, unknown=1)
    assert both.unconfirmed == {"box": "no time"}


def test_a_reference_may_be_in_several_runs_with_another_endpoint_in_each() -> None:
    runs = [
        run(record("s/a/en", name), record("s/a/en", "old", against=name), number=number, reference="old")
        for number, name in enumerate(("new", "newer"))
    ]
    both = merged(runs)
    assert [(one.endpoint, len(one.samples)) for one in both.cells] == [("new", 3), ("newer", 3), ("old", 6)]
    again = structs.replace(runs[0], id="another", cells=runs[0].cells[1:])
    assert "s/a/en on old is in" in refused(runs[0], again)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"plugin": "0.2.0"}, "has 0.1.0, 20261121T034502Z-2 has 0.2.0"),
        ({"reference": "old"}, "has no reference, 20261121T034502Z-2 has old"),
        ({"commit": Commit(id="c1", dirty=False)}, "has commit c0, 20261121T034502Z-2 has commit c1"),
        ({"analysers": structs.replace(ANALYSERS, rules="s")}, "rules r, 20261121T034502Z-2 has"),
        ({"endpoints": {"box": Facts(kind="openai", model="n")}}, "box differs between"),
    ],
)
def test_what_cannot_have_been_one_run_is_refused(changed: dict[str, Any], words: str) -> None:
    said = refused(run(record("s/a/en")), run(record("s/b/en"), number=2, **changed))
    assert said.startswith("these runs can't be one: ")
    assert words in said


def test_timings_of_this_machine_are_not_mixed_with_those_of_another() -> None:
    host = Host(cpus=64, os="linux", python="3.12", cpu_model="other chip")
    parts = [run(record("s/a/en")), run(record("s/b/en"), number=2, host=host)]
    assert len(merged(parts).cells) == 2, "a server elsewhere is the same from everywhere"
    here = {"box": Facts(kind="openai", model="m", here=True)}
    assert "box ran on the machine of the run, and the machines differ" in refused(
        parts[0], structs.replace(parts[1], endpoints=here)
    )
