"""What the hashes of a cell see, and what they do not."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from pytest_llmeval import hashes
from pytest_llmeval.model import SLO, AnswerSpec, Check, Endpoint, LoadPlan, ProseCheck, Scenario

ONE = Scenario(suite="s", id="a", prompt={"en": "x", "ko": "y"})
LOADS = (
    LoadPlan(concurrency=1, requests=8),
    LoadPlan(concurrency=2, requests=8),
    LoadPlan(concurrency=1, requests=9),
    LoadPlan(rate=1, requests=8),
    LoadPlan(rate=2, requests=8),
    LoadPlan(rate=1, requests=8, concurrency=1),
    LoadPlan(rate=1, requests=8, arrivals="constant"),
)


def changed(**fields: Any) -> Scenario:
    return structs.replace(ONE, **fields)


def test_the_prompts_hash_follows_what_is_said_and_nothing_else() -> None:
    def hashed(language: str = "en", **fields: Any) -> str:
        return hashes.prompt_sha256(changed(**fields), language)

    assert hashed() == hashed(tags=("a",), floor={"quality": 1})
    assert hashed() != hashed(system="x")
    assert hashed() != hashed(prompt={"en": "z"})
    assert hashed() != hashed(suffix="z")
    assert hashed("en") != hashed("ko")
    assert hashed() == "6a7d7238d81221459067b49786fe37d1bfbd904cc01c3d73b289d064c259812a", "baselines hold it"


def test_the_parameters_hash_does_not_see_how_a_number_is_written() -> None:
    assert hashes.parameters_sha256(0, 0, 96) == hashes.parameters_sha256(0.0, 0, 96)
    different = {
        hashes.parameters_sha256(t, s, m) for t, s, m in [(0, 0, 96), (0.5, 0, 96), (0, 1, 96), (0, 0, 97)]
    }
    assert len(different) == 4


def test_the_parameters_hash_sees_how_a_cell_is_asked() -> None:
    plain = hashes.parameters_sha256(0, 0, 96)
    asked = [plain, hashes.parameters_sha256(0, 0, 96, cold=True)]
    asked += [hashes.parameters_sha256(0, 0, 96, load=load) for load in LOADS]
    assert len(set(asked)) == len(asked)
    limited = structs.replace(LOADS[0], slo=SLO(ttft_s=1))
    assert hashes.parameters_sha256(0, 0, 96, load=limited) == asked[2], "a limit judges, it asks for nothing"


@pytest.mark.parametrize(
    ("endpoint", "same"),
    [
        (Endpoint(name="n", model="m", url="http://x", call="a:b", concurrency=4), True),
        (Endpoint(api="completions"), False),
        (Endpoint(cache="warm"), False),
        (Endpoint(kind="http", request={"q": "{prompt}", "top_k": 1}), False),
    ],
)
def test_the_parameters_hash_sees_an_endpoints_own_form_of_asking(endpoint: Endpoint, *, same: bool) -> None:
    """What an endpoint is may change under a baseline, how it is asked may not."""
    assert (
        hashes.parameters_sha256(0, 0, 96, form=endpoint.form) == hashes.parameters_sha256(0, 0, 96)
    ) is same


def test_the_checks_hash_sees_all_that_scores_an_answer_and_nothing_else() -> None:
    """A field that is new scores answers unless ``hashes`` says otherwise."""
    scorings: list[dict[str, Any]] = [
        {},
        {"answer": AnswerSpec(code="python")},
        {"answer": AnswerSpec(code="python", requires=("f(n)",))},
        {"checks": (Check(call="f(1)", equals=1),)},
        {"checks": (Check(call="f(1)", equals=1.5),)},
        {"checks": (Check(call="f(1)", raises="ValueError"),)},
        {"prose_checks": (ProseCheck(contains=("a",)),)},
        {"tests": "def test_f(): assert f(1)"},
        {"given": "def f(): ..."},
        {"reference": "def f(): return 1"},
        {"category": "debugging"},
    ]
    assert len({hashes.checks_sha256(changed(**scoring)) for scoring in scorings}) == len(scorings)
    beside: dict[str, Any] = {"rounds": 9, "gate": False} | {
        "tags": ("a",),
        "floor": {"quality": 1.0},
        "prompt": {"en": "z"},
        "path": "p",
        "line": 9,
    }
    assert hashes.checks_sha256(changed(**beside)) == hashes.checks_sha256(ONE)


def test_every_field_of_a_scenario_is_known_to_score_answers_or_not() -> None:
    """A new one makes scores stale in every baseline that has it, unless ``hashes`` is told of it."""
    scored = set(Scenario.__struct_fields__) - hashes._NOT_SCORED_BY
    assert scored == {
        "category",
        "answer",
        "given",
        "reference",
        "tests",
        "checks",
        "patterns",
        "queries",
        "prose_checks",
        "review",
        "asks",
        "rubric",
    }


def test_the_checks_hash_takes_any_value_and_no_notice_of_an_order_of_keys() -> None:
    one, other = {1: "a", "1": "b", None: [True]}, {None: [True], "1": "b", 1: "a"}
    hashed = [
        hashes.checks_sha256(changed(checks=(Check(call="f()", equals=value),))) for value in (one, other)
    ]
    assert hashed[0] == hashed[1]
