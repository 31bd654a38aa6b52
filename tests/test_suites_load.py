"""The suites load and cold: what they ask of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmeval import scenarios, shipped

if TYPE_CHECKING:
    from pytest_llmeval.model import Scenario


def suite(name: str) -> tuple[Scenario, ...]:
    (file,) = shipped.files(name)
    return scenarios.load(file).scenarios


def test_load_asks_the_same_of_one_five_and_sixteen_users() -> None:
    plans = {scenario.id: scenario.load for scenario in suite("load")}
    assert [plan and plan.concurrency for plan in plans.values()] == [1, 5, 16]
    for name, plan in plans.items():
        assert plan is not None
        assert name == f"concurrency-{plan.concurrency}"
        assert plan.rate is None
        assert plan.requests >= 2 * (plan.concurrency or 0), "each stream asks twice or more"
    assert len({str(scenario.prompt) for scenario in suite("load")}) == 1
    assert {scenario.parameters.max_tokens for scenario in suite("load")} == {128}
    assert not any(scenario.finish for scenario in suite("load")), "every answer is cut off, on purpose"


def test_cold_is_one_first_answer() -> None:
    (scenario,) = suite("cold")
    assert scenario.cold
    assert scenario.load is None
    assert (scenario.parameters.max_tokens or 0) <= 32, "a start is what is measured, not an essay"
