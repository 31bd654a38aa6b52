"""The verdict on a whole run in a few words: red wherever pytest is."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmeval.model import Failure, Host, Record, Run, Sample, Verdict
from pytest_llmeval.report import headline

GOOD = Sample(round=0, at_s=0.0, ok=True)
BROKEN = Sample(round=0, at_s=0.0, ok=False, error=Failure("http_5xx", "boom", status=500))


def record(*samples: Sample, **known: Any) -> Record:
    return Record(
        endpoint="box", suite="s", language="en", category="c", prompt_sha256="", parameters_sha256="",
        samples=samples or (GOOD,), **{"scenario": "x"} | known,
    )  # fmt: skip


def run(*cells: Record, verdicts: tuple[str, ...] = (), **known: Any) -> Run:
    return Run(
        id="r", started="", finished="", complete=True, plugin="0", cells=cells or (record(),),
        host=Host(cpus=2, os="linux", python="3.11"),
        verdicts=tuple(verdict(*one.split(": ")) for one in verdicts), **known,
    )  # fmt: skip


def verdict(name: Any, metric: str = "output_tps") -> Verdict:
    return Verdict(endpoint="box", metric=metric, verdict=name, sentence="it moved")


@pytest.mark.parametrize(
    ("one", "tone", "text"),
    [
        (run(verdicts=("ok", "regressed")), "bad", "1 promise broken"),
        (run(verdicts=("ok", "missing", "regressed")), "bad", "2 promises broken"),
        (run(record(BROKEN)), "bad", "failed requests in 1 cell"),
        (run(verdicts=("ok", "new")), "good", "nothing regressed in 1 cell"),
        (run(verdicts=("improved",)), "good", "nothing regressed in 1 cell"),
        (
            run(verdicts=("ok", "stale")),
            "warn",
            "nothing regressed in 1 cell, as far as that can be told (stale)",
        ),
        (run(verdicts=("new",)), "", "1 cell, nothing to compare with yet"),
        (run(), "", "1 cell, nothing to compare with yet"),
        (run(interrupted=True), "", "interrupted after 1 cell; nothing was judged"),
    ],
)
def test_what_comes_first(one: Run, tone: str, text: str) -> None:
    assert headline.of(one) == (tone, text)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("stale", {"strict": True}),
        ("not run: time", {"strict": True}),
        ("inconclusive", {"fail_inconclusive": True}),
    ],
)
def test_what_was_to_fail_the_run_does(name: str, asked: dict[str, bool]) -> None:
    red = headline.of(run(verdicts=("ok", name, name), **asked))
    assert red == ("bad", "2 promises could not be checked")
    assert headline.of(run(verdicts=("ok", name))).tone != "bad"
    assert headline.of(run(verdicts=("regressed", name), **asked)).text == (
        "1 promise broken, 1 promise could not be checked"
    )


def test_a_test_that_failed_is_no_green_run() -> None:
    """By a floor of its scenario, or by what a test in Python asserts; it may have asked several cells."""
    below = record(failure="quality is 4, under the scenario's floor of 8", nodeid="a")
    asserted = [record(scenario=name, failure="assert 4 > 7", nodeid="b") for name in "yz"]
    assert headline.of(run(below, verdicts=("ok",))) == ("bad", "1 test failed")
    assert headline.of(run(below, *asserted, record())).text == "2 tests failed"
    both = headline.of(run(below, record(BROKEN, failure="http_5xx (HTTP 500): boom", nodeid="c")))
    assert both.text == "failed requests in 1 cell, 1 test failed"
