"""What `llm.ask` returns: the first text, the middle figures, the mean scores."""

from __future__ import annotations

from typing import Any

from pytest_llmeval.answer import Answer
from pytest_llmeval.model import Failure, Record, Sample, Score


def record(*samples: Sample) -> Record:
    return Record(
        endpoint="box",
        suite="s",
        scenario="add",
        language="en",
        category="algorithm",
        prompt_sha256="",
        parameters_sha256="",
        samples=samples,
    )


def sample(number: int = 0, **known: Any) -> Sample:
    return Sample(**{"round": number, "at_s": 0.0, "ok": True, "finish_reason": "stop"} | known)


def test_an_answer_has_the_texts_it_is_given_and_the_middle_figures() -> None:
    figures = [
        {"ttft_s": 0.1, "tpot_s": 0.01, "output_tps": 100.0, "latency_s": 0.13},
        {"ttft_s": 0.3, "tpot_s": 0.04, "output_tps": 25.0, "latency_s": 0.42, "void": "the client lagged"},
        {"ttft_s": 0.2, "tpot_s": 0.02, "output_tps": 50.0, "latency_s": 0.26},
    ]
    samples = [sample(number, **one) for number, one in enumerate(figures)]
    one = Answer(record(*samples), text="def f(): ...", reasoning="hm", code="the code")
    assert (one.text, one.reasoning, one.code) == ("def f(): ...", "hm", "the code")
    assert one.output_tps == 50, "void samples count: nobody gates on this"
    assert (one.ttft_s, one.tpot_s, one.latency_s) == (0.2, 0.02, 0.26)
    assert one.finish_reason == "stop"


def test_an_answers_score_is_the_mean_of_the_rounds_with_the_first_ones_parts() -> None:
    good = Score(total=9, quality=8, parts={"types": 10})
    bad = Score(total=1, quality=0, parts={"types": 0})
    one = Answer(record(sample(0, score=good, reasons=("typed",)), sample(1, score=bad, reasons=("empty",))))
    assert (one.score.total, one.score.quality, one.score.clarity) == (5, 4, None)
    assert one.score.parts == good.parts
    assert one.reasons == ("typed",)


def test_a_score_that_one_round_lacks_is_no_mean() -> None:
    one = Answer(record(sample(0, score=Score(quality=8)), sample(1, score=Score())))
    assert one.score.quality is None


def test_an_answer_that_never_came() -> None:
    failed = sample(ok=False, error=Failure("connect", "nothing listens"), finish_reason=None)
    one = Answer(record(failed))
    assert (one.text, one.code, one.ttft_s, one.score, one.finish_reason) == ("", None, None, Score(), None)
