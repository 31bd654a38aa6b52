"""Shards that are merged are judged as the one run that they are parts of."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from pytest_llmeval import shards
from pytest_llmeval.judge import judge_run
from pytest_llmeval.merge import merged
from pytest_llmeval.model import Run, Selection, Shard

if TYPE_CHECKING:
    Maker = Any

START = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def part(whole: Run, split: dict[str, int], shard: Shard, later_s: int) -> Run:
    """What one shard's process publishes: its cells, in its own time, and all that it saw."""
    cells = tuple(
        structs.replace(
            record,
            samples=tuple(structs.replace(one, at_s=one.at_s - later_s) for one in record.samples),
        )
        for record in whole.cells
        if split[f"{record.endpoint} {record.key}"] == shard.number
    )
    names = {record.endpoint for record in cells}
    return structs.replace(
        whole,
        id=f"part-{shard.number}",
        started=(START + dt.timedelta(seconds=later_s)).isoformat(),
        complete=False,
        shard=shard,
        cells=cells,
        endpoints={name: facts for name, facts in whole.endpoints.items() if name in names},
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_merged_shards_are_judged_as_one_run(make: Maker, data: st.DataObject) -> None:
    factor = data.draw(st.sampled_from([0.5, 0.9, 1.0, 1.2]))
    records = [*make.session(factor).cells, *make.session(1.0, endpoint="other", cells=3).cells]
    records[0] = structs.replace(
        records[0], samples=data.draw(st.sampled_from([records[0].samples, records[0].samples[:1]]))
    )
    records.append(make.record("coding/s3/en", {"output_tps": [1.0]}, endpoint="other", **make.failed()))
    cells = data.draw(st.sets(st.sampled_from(["coding/s7/en", "coding/s8/en"])))
    seen = Selection(suites=("coding",), cells=tuple(sorted({one.key for one in records} | cells)))
    whole = make.run(records, "whole", started=START.isoformat(), selection=seen)
    baselines = {
        "box": make.history(cells=8),
        "other": make.history(data.draw(st.integers(1, 3)), endpoint="other"),
    }
    of = data.draw(st.integers(1, 4))
    names = [f"{record.endpoint} {record.key}" for record in records]
    durations = data.draw(st.dictionaries(st.sampled_from(names), st.floats(0.1, 50)))
    split = shards.split(names, durations, of)
    parts = [
        part(whole, split, Shard(number=number, of=of, whole=True), 7 * number - 7)
        for number in range(1, of + 1)
    ]
    union = merged(data.draw(st.permutations(parts)))
    assert judge_run(baselines, union) == judge_run(baselines, whole)
    if of > 1:
        assert (union.complete, union.shard, union.parts) == (True, None, ())
        assert union.cells == tuple(sorted(records, key=lambda one: (one.endpoint, one.key)))


def test_shards_that_are_not_all_there_are_no_complete_run(make: Maker) -> None:
    whole = make.session()
    split = shards.split([f"box {one.key}" for one in whole.cells], {}, 3)

    def complete(*numbers: int, whole_to: int = 3) -> bool:
        shard = {number: Shard(number=number, of=3, whole=number <= whole_to) for number in numbers}
        return merged([part(whole, split, one, 0) for one in shard.values()]).complete

    assert complete(1, 2, 3)
    assert not complete(1, 2)
    assert not complete(2, 3)
    assert not complete(1, 2, 3, whole_to=2)


def test_shards_that_ran_at_different_times_are_told_by_their_parts(make: Maker) -> None:
    whole = make.session(
        0.5, started=START.isoformat(), finished=(START + dt.timedelta(seconds=60)).isoformat()
    )
    split = shards.split([f"box {one.key}" for one in whole.cells], {}, 2)
    early, late = (part(whole, split, Shard(number=number, of=2, whole=True), 0) for number in (1, 2))
    tomorrow = START + dt.timedelta(days=1)
    late = structs.replace(
        late, started=tomorrow.isoformat(), finished=(tomorrow + dt.timedelta(seconds=60)).isoformat()
    )
    union = merged([early, late])
    assert [(one.started_s, one.finished_s) for one in union.parts] == [(0, 60), (86400, 86460)]
    (line,) = [one for one in judge_run({"box": make.history()}, union) if one.metric == "timings"]
    assert "the run paused for 24 h" in line.sentence
