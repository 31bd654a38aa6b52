"""A red build needs two looks: suspected cells are measured once more, and all samples must say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from pytest_llmeval.judge import judge_run
from pytest_llmeval.judge.confirm import first_look
from pytest_llmeval.model import Load, Record, Run, Sample, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection

    from conftest import Maker  # type: ignore[import-not-found]  the tests' own

    from pytest_llmeval.judge import Verdicts


def measured_again(run: Run, factor: float = 1.0, *, cells: Collection[str] = (), **fields: Any) -> Run:
    """The run with as many rounds again of these cells (of all), at ``factor`` times 50 tokens/s."""

    def again(record: Record) -> Record:
        if cells and record.key not in cells:
            return record
        rounds = len(record.samples)
        later = [
            structs.replace(
                sample, round=rounds + sample.round, confirms=True, output_tps=factor * 50.0, **fields
            )
            for sample in record.samples
        ]
        return structs.replace(record, samples=(*record.samples, *later))

    return structs.replace(run, cells=tuple(again(record) for record in run.cells))


def slow_cell(run: Run, factor: float = 0.6) -> Run:
    first, *others = run.cells
    slow = [
        structs.replace(one, output_tps=one.output_tps * factor) for one in first.samples if one.output_tps
    ]
    return structs.replace(run, cells=(structs.replace(first, samples=tuple(slow)), *others))


def speed(verdicts: Verdicts, cell: str | None = None) -> Verdict:
    (found,) = [one for one in verdicts if (one.metric, one.cell) == ("output_tps", cell)]
    return found


def test_a_red_whole_suspects_every_cell_in_an_order_of_no_meaning(make: Maker) -> None:
    verdicts = judge_run({"box": make.history()}, make.session(0.8))
    assert sorted(verdicts.suspects["box"]) == [f"coding/s{n}/en" for n in range(6)]
    assert verdicts.suspects["box"] != tuple(sorted(verdicts.suspects["box"])), "by hash, not by name"


def test_a_red_cell_is_the_only_suspect(make: Maker) -> None:
    verdicts = judge_run({"box": make.history()}, slow_cell(make.session()))
    assert verdicts.suspects == {"box": ("coding/s0/en",)}


def test_nothing_red_suspects_nothing_and_a_hard_promise_is_no_suspicion(make: Maker) -> None:
    assert judge_run({"box": make.history()}, make.session()).suspects == {}
    failing = make.run([make.record("coding/s0/en", {"output_tps": [1.0]}, **make.failed())])
    assert judge_run({"box": make.history()}, failing).suspects == {}


def test_a_loss_that_is_seen_again_is_confirmed(make: Maker) -> None:
    verdicts = judge_run({"box": make.history()}, measured_again(make.session(0.8), 0.8))
    whole = speed(verdicts)
    assert whole.red
    assert whole.confirmed is True
    assert "; confirmed by 3 more rounds; if this is intended" in whole.sentence
    assert verdicts.suspects == {}, "nothing is measured a third time"


def test_a_loss_that_is_not_seen_again_is_taken_back_and_said(make: Maker) -> None:
    history, slow = make.history(), make.session(0.88)
    assert speed(judge_run({"box": history}, slow)).red
    whole = speed(judge_run({"box": history}, measured_again(slow, 1.1)))
    assert not whole.red
    assert whole.confirmed is False
    assert "which 3 more rounds did not confirm" in whole.sentence
    assert "accept" not in whole.sentence


def test_a_cell_that_is_taken_back_keeps_a_line_of_its_own(make: Maker) -> None:
    slow = slow_cell(make.session())
    again = measured_again(slow, 1.0, cells={"coding/s0/en"})
    cell = speed(judge_run({"box": make.history()}, again), "coding/s0/en")
    assert (cell.verdict, cell.confirmed) == ("ok", False)
    assert "did not confirm" in cell.sentence


def test_where_nobody_could_look_again_the_verdict_stands_and_says_so(make: Maker) -> None:
    run = structs.replace(make.session(0.8), unconfirmed={"box": "its server is gone"})
    verdicts = judge_run({"box": make.history()}, run)
    whole = speed(verdicts)
    assert whole.red
    assert whole.confirmed is None
    assert "; not confirmed: its server is gone; if this is intended" in whole.sentence


def test_a_client_that_could_not_keep_up_the_second_time_confirms_nothing(make: Maker) -> None:
    """Then most samples of a cell are void, and all of them together are judged no more."""
    void = {"void": "the client lagged"}
    for slow in (make.session(0.8), slow_cell(make.session())):
        run = measured_again(measured_again(slow, **void), **void)
        verdicts = judge_run({"box": make.history()}, run)
        red = [one for one in verdicts.lines if one.red and one.metric == "output_tps"]
        assert red
        assert {one.confirmed for one in red} == {None}
        assert all(
            "; not confirmed: measuring once more gave no figures of it" in one.sentence for one in red
        )


def test_more_rounds_without_a_figure_confirm_nothing(make: Maker) -> None:
    run = measured_again(make.session(0.8), void="the client lagged")
    run = structs.replace(
        run, cells=tuple(structs.replace(one, samples=one.samples[:5]) for one in run.cells)
    )
    whole = speed(judge_run({"box": make.history()}, run))
    assert whole.red
    assert "not confirmed: measuring once more gave no figures of it" in whole.sentence


def test_the_first_look_has_no_batch_of_the_second(make: Maker) -> None:
    record = structs.replace(
        make.record("load/a/en", {"output_tps": [1.0]}),
        samples=tuple(Sample(round=n, at_s=0.0, ok=True, confirms=n == 1) for n in (0, 1)),
        load=(Load(round=0, requests=1), Load(round=1, requests=1)),
    )
    (first,) = first_look([record])
    assert [one.round for one in first.samples] == [one.round for one in first.load] == [0]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(factor=st.floats(0.3, 1.2), again=st.floats(0.1, 1.5), part=st.booleans())
def test_a_second_look_only_ever_takes_alarms_back(
    make: Maker, factor: float, again: float, part: bool
) -> None:
    """So the share of unchanged builds that are red stays what the first look keeps it to."""
    history, run = {"box": make.history()}, slow_cell(make.session(), factor)

    def red(run: Run) -> set[str]:
        return {one.metric for one in judge_run(history, run) if one.red}

    cells = {run.cells[1].key} if part else set()
    assert red(measured_again(run, again, cells=cells)) <= red(run)


@pytest.mark.parametrize("factor", [0.3, 1.0])
def test_a_green_run_stays_green_whatever_comes_later(make: Maker, factor: float) -> None:
    assert not judge_run({"box": make.history()}, measured_again(make.session(), factor)).red
