"""pass@k: the estimator, and where it is said."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from pytest_llmeval.model import Host, Record, Run, Sample, Score
from pytest_llmeval.report import passing, terminal

COUNTS = st.integers(1, 9).flatmap(
    lambda answers: st.tuples(st.just(answers), st.integers(0, answers), st.integers(1, answers))
)


@given(COUNTS)
def test_the_estimator_is_the_share_of_draws_with_a_right_answer(counts: tuple[int, int, int]) -> None:
    answers, right, k = counts
    draws = list(itertools.combinations(range(answers), k))
    hits = sum(any(one < right for one in draw) for draw in draws)
    assert passing.pass_at(k, answers, right) == pytest.approx(hits / len(draws))


@pytest.mark.parametrize(("k", "answers", "right"), [(0, 3, 1), (4, 3, 1), (1, 3, 4), (1, 3, -1)])
def test_what_can_not_be_estimated(k: int, answers: int, right: int) -> None:
    with pytest.raises(ValueError, match="pass@"):
        passing.pass_at(k, answers, right)


def record(scenario: str, *scores: Any, same: bool = False, suite: str = "own.jsonl") -> Record:
    """``scores``: correctness, with the number of tests where that is not one; None is a failed request."""
    samples = []
    for number, score in enumerate(scores):
        correctness, tests = score if isinstance(score, tuple) else (score, 1)
        samples.append(
            Sample(
                round=number,
                at_s=0,
                ok=score is not None,
                answer_sha256="same" if same else str(number),
                score=Score(correctness=correctness, parts={"tests": tests} if tests else {}),
            )
        )
    return Record(
        endpoint="qwen",
        suite=suite,
        scenario=scenario,
        language="en",
        category="x",
        prompt_sha256="",
        parameters_sha256="",
        samples=tuple(samples),
    )


def told(*records: Record) -> list[str]:
    return list(passing.told(run(*records)))


def run(*records: Record) -> Run:
    host = Host(cpus=2, os="linux", python="3.11")
    return Run(id="r", started="", finished="", complete=True, plugin="0", host=host, cells=records)


def test_one_round() -> None:
    assert told(record("a", 10), record("b", 0), record("c", (0, 0))) == [
        "own.jsonl on qwen: pass@1 33.3 % (3 cells)"
    ]


def test_rounds_that_differ_have_larger_k() -> None:
    assert told(record("a", 10, 0, 0), record("b", 0, 0, 0)) == [
        "own.jsonl on qwen: pass@1 16.7 %, pass@3 50.0 % (2 cells)"
    ]
    lots = record("a", *([10] + [0] * 11))
    assert told(lots) == [
        "own.jsonl on qwen: pass@1 8.3 %, pass@5 41.7 %, pass@10 83.3 %, pass@12 100.0 % (1 cell)"
    ]


def test_the_fewest_answers_bound_k_and_failed_requests_are_none() -> None:
    assert told(record("a", 10, 0, 0), record("b", 0, None, 10)) == [
        "own.jsonl on qwen: pass@1 41.7 %, pass@2 83.3 % (2 cells)"
    ]


def test_the_same_answer_again_is_no_second_try() -> None:
    assert told(record("a", 10, 10, same=True), record("b", 0, 0, same=True)) == [
        "own.jsonl on qwen: pass@1 50.0 % (2 cells)"
    ]


def test_rounds_that_confirm_do_not_count() -> None:
    one = record("a", 10, 0, 0)
    samples = [structs.replace(sample, confirms=sample.round == 2) for sample in one.samples]
    assert told(structs.replace(one, samples=tuple(samples))) == [
        "own.jsonl on qwen: pass@1 50.0 %, pass@2 100.0 % (1 cell)"
    ]


@pytest.mark.parametrize(
    "records",
    [
        (),
        (record("a", None),),
        (record("a", 10), record("b", 5)),
        (record("a", 10), record("b", (0, 3))),
        (record("a", (0, 0)), record("b", (0, 0))),
    ],
)
def test_where_there_is_more_than_right_or_wrong_nothing_is_said(records: tuple[Record, ...]) -> None:
    assert told(*records) == []


def test_every_suite_has_its_line_in_the_summary() -> None:
    text = terminal.table(run(record("a", 10), record("a", 0, suite="other")), width=100, color=False)
    assert "pass@k  other on qwen: pass@1 0.0 % (1 cell)\n" in text
    assert "own.jsonl on qwen: pass@1 100.0 % (1 cell)\n" in text
