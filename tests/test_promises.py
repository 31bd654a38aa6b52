"""What a scenario promises by itself."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmeval import promises
from pytest_llmeval.model import Load, Record, Sample, Scenario, Score


def record(*samples: Sample, **known: Any) -> Record:
    fixed = {"suite": "s", "scenario": "x", "language": "en", "category": "c"}
    return Record(endpoint="e", **fixed, prompt_sha256="", parameters_sha256="", samples=samples, **known)


def sample(**known: Any) -> Sample:
    return Sample(**{"round": 0, "at_s": 0.0, "ok": True, "finish_reason": "stop"} | known)


def scenario(**known: Any) -> Scenario:
    return Scenario(suite="s", id="x", prompt={"en": "?"}, **known)


def test_an_answer_that_may_not_be_cut_off() -> None:
    whole, cut = sample(), sample(finish_reason="length")
    assert promises.broken(scenario(finish="stop"), record(whole, whole)) == ()
    assert promises.broken(scenario(finish="stop"), record(whole, cut, cut)) == (
        "2 of 3 answers ended with finish_reason length; the scenario says finish: stop",
    )
    assert promises.broken(scenario(), record(cut)) == (), "it may be, where nothing is said"


def test_a_failed_or_silent_end_is_not_a_cut() -> None:
    failed, silent = sample(ok=False, finish_reason="length"), sample(finish_reason=None)
    assert promises.broken(scenario(finish="stop"), record(failed, silent)) == ()


@pytest.mark.parametrize(
    ("floor", "sentence"),
    [
        ({"ttft_s": 1.0}, "ttft_s is 2 s, over the scenario's limit of 1 s"),
        ({"ttft_s": 2.0}, None),
        ({"output_tps": 30.0}, "output_tps is 20, under the scenario's floor of 30"),
        ({"output_tps": 20.0}, None),
        ({"quality": 7.0}, "quality is 5, under the scenario's floor of 7"),
        ({"correctness": 7.0}, "correctness has a floor of 7 but was not measured"),
        ({"load_tps": 100.0}, "load_tps is 80, under the scenario's floor of 100"),
        ({"cold_start_s": 3.0}, "cold_start_s is 4 s, over the scenario's limit of 3 s"),
    ],
)
def test_floors(floor: dict[str, float], sentence: str | None) -> None:
    one = sample(ttft_s=2.0, output_tps=20.0, cold_start_s=4.0, score=Score(quality=5.0))
    batches = tuple(Load(round=n, requests=1, load_tps=tps) for n, tps in enumerate((70.0, 80.0, 90.0)))
    broken = promises.broken(scenario(floor=floor), record(one, load=batches))
    assert broken == (() if sentence is None else (sentence,))
