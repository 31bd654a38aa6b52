"""The vocabulary: what a record's figures are, which policy holds, and that names agree with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest
from msgspec import structs

from pytest_llmeval import model
from pytest_llmeval.judge import METRICS
from pytest_llmeval.model import (
    Chunk,
    Load,
    MetricPolicy,
    Policy,
    Record,
    Response,
    Sample,
    Score,
    Verdict,
    VerdictName,
    cell_key,
    suite_of,
)

if TYPE_CHECKING:
    import msgspec


def record(*samples: Sample, load: tuple[Load, ...] = ()) -> Record:
    return Record(
        endpoint="e",
        suite="tests/test_x.py",
        scenario="x",
        language="ko",
        category="c",
        prompt_sha256="",
        parameters_sha256="",
        samples=samples,
        load=load,
    )


def sample(**known: Any) -> Sample:
    return Sample(**{"round": 0, "at_s": 0.0, "ok": True} | known)


def test_a_cells_key_is_suite_scenario_and_language() -> None:
    assert cell_key("s", "x", "ko") == "s/x/ko"
    assert record().key == "tests/test_x.py/x/ko", "the suite of a test is its module's path"
    assert suite_of(record().key) == "tests/test_x.py"
    assert suite_of("s/x/ko") == "s"


def test_a_figure_is_the_median_of_timings_and_the_mean_of_scores() -> None:
    samples = [sample(ttft_s=t, score=Score(quality=q)) for t, q in ((0.1, 4.0), (0.9, 5.0), (0.2, 9.0))]
    assert record(*samples).figure("ttft_s") == 0.2
    assert record(*samples).figure("quality") == 6.0
    assert record(*samples[:2]).figure("ttft_s") == 0.5


def test_a_figure_that_nobody_measured_is_none() -> None:
    assert record().figure("ttft_s") is None
    assert record(sample()).figure("ttft_s") is None
    assert record(sample()).figure("quality") is None
    assert record(sample(score=Score(quality=5.0)), sample(score=Score())).figure("quality") is None, (
        "the mean of some rounds would be another figure"
    )
    assert record(sample(score=Score(quality=0.0))).figure("quality") == 0.0
    assert record(sample(completion_tokens=0)).figure("completion_tokens") == 0


def test_a_failed_request_has_no_figures() -> None:
    failed = sample(ok=False, ttft_s=9.0, score=Score(quality=0.0))
    good = sample(ttft_s=1.0, score=Score(quality=8.0))
    assert record(failed, good).figure("ttft_s") == 1.0
    assert record(failed, good).figure("quality") == 8.0
    assert record(failed).figure("ttft_s") is None


def test_void_voids_timings_and_not_scores() -> None:
    starved = sample(ttft_s=9.0, void="the client lagged", score=Score(quality=2.0))
    good = sample(ttft_s=1.0, score=Score(quality=8.0))
    assert record(starved, good).figure("ttft_s") == 1.0
    assert record(starved, good).figure("ttft_s", void=True) == 5.0
    assert record(starved, good).figure("quality") == 5.0
    assert record(starved).figure("ttft_s") is None


def test_a_loads_figure_is_that_of_its_batches() -> None:
    batches = tuple(Load(round=n, requests=2, load_tps=tps) for n, tps in enumerate((70.0, 90.0, 80.0)))
    void = Load(round=3, requests=2, load_tps=1.0, void="the client lagged")
    assert record(load=batches).figure("load_tps") == 80.0
    assert record(load=(*batches, void)).figure("load_tps") == 80.0
    assert record(load=(void,)).figure("load_tps") is None


@pytest.mark.parametrize("metric", model.CELL_METRICS)
def test_every_metric_of_a_cell_has_a_figure(metric: str) -> None:
    known = {} if metric in model.SCORES or metric == "load_tps" else {metric: 1.5}
    one = sample(**known, score=Score(total=1.5, correctness=1.5, quality=1.5, clarity=1.5))
    assert record(one, load=(Load(round=0, requests=1, load_tps=1.5),)).figure(metric) == 1.5


def test_metrics_are_named_alike_everywhere() -> None:
    assert set(model.CELL_METRICS) < set(model.METRICS)
    assert set(model.SCORES) == {one.name for one in structs.fields(Score) if one.type == float | None}
    assert set(METRICS) == set(model.METRICS)


@pytest.mark.parametrize("name", get_args(VerdictName))
def test_only_two_verdicts_are_red(name: VerdictName) -> None:
    verdict = Verdict(endpoint="e", metric="ttft_s", verdict=name, sentence="")
    assert verdict.red is (name in {"regressed", "missing"})


def test_an_endpoints_own_policy_goes_before_the_projects_key_by_key() -> None:
    policy = Policy(
        metrics={"ttft_s": MetricPolicy(allowance=0.2, floor=2.0), "quality": MetricPolicy(gate=True)},
        endpoints={
            "box": {"ttft_s": MetricPolicy(allowance=0.0, gate=False), "tpot_s": MetricPolicy(weight=2.0)}
        },
    )
    assert policy.of("box", "ttft_s") == MetricPolicy(allowance=0.0, floor=2.0, gate=False)
    assert policy.of("other", "ttft_s") == MetricPolicy(allowance=0.2, floor=2.0)
    assert policy.of("box", "quality") == MetricPolicy(gate=True)
    assert policy.of("box", "tpot_s") == MetricPolicy(weight=2.0)
    assert policy.of("box", "total") == MetricPolicy()


def test_text_and_reasoning_are_kept_apart() -> None:
    chunks = (Chunk(1, reasoning="hm"), Chunk(2, "a", "m"), Chunk(3, "b"))
    response = Response(started_ns=0, ended_ns=4, chunks=chunks)
    assert (response.text, response.reasoning) == ("ab", "hmm")


@pytest.mark.parametrize(
    "kind",
    [one for name in model.__all__ if isinstance(one := getattr(model, name), type) and one is not str],
)
def test_everything_is_frozen(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_config__.frozen
    assert kind.__doc__
