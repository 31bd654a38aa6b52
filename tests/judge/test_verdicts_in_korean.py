"""Every kind of verdict is told in both languages, and decided alike in both."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

import pytest
from msgspec import structs

from pytest_llmeval import language
from pytest_llmeval.judge import judge_metric, judge_run
from pytest_llmeval.model import Policy, Run, Verdict, VerdictName

if TYPE_CHECKING:
    Maker = Any

NAMES = r"box|coding(/s\d/en)?|llmeval baseline \w+( box)?|pytest --llm-update-baselines|timeout"
"""What is the same in every language: endpoints, suites, cells, commands, kinds of errors."""


def case(name: str, make: Maker) -> Run:
    """A run that one kind of verdict is about; its baseline is ``make.history()`` before it."""
    usual = make.session()
    if name == "missing":
        left = structs.replace(usual.selection, cells=usual.selection.cells[1:])
        return structs.replace(usual, cells=usual.cells[1:], selection=left)
    if name == "not run":
        left = structs.replace(usual.selection, suites=(), cells=())
        return structs.replace(usual, cells=usual.cells[2:], selection=left)
    if name == "new":
        return make.session(cells=8)
    if name == "stale":
        return make.session(prompt="another")
    if name == "inconclusive":
        return make.session(void="the event loop was late by 40 ms")
    return make.session({"regressed": 0.8, "improved": 1.3}.get(name, 1.0))


def told(name: str, spoken: str, make: Maker) -> list[Verdict]:
    with language.using(spoken):
        lines = judge_run({"box": make.history()}, case(name, make), Policy())
        return [line for line in lines if line.verdict == name]


@pytest.mark.parametrize("name", get_args(VerdictName))
def test_a_verdict_is_a_sentence_in_either_language(name: str, make: Maker) -> None:
    state = make.random.getstate()
    english = told(name, "en", make)
    make.random.setstate(state)
    korean = told(name, "ko", make)
    assert english
    blank = {"sentence": ""}
    assert [structs.replace(one, **blank) for one in english] == [
        structs.replace(one, **blank) for one in korean
    ]
    for one, other in zip(english, korean, strict=True):
        assert not re.search("[가-힣]", one.sentence), one.sentence
        assert re.search("[가-힣]", other.sentence), other.sentence
        left = re.sub(NAMES, "", other.sentence.replace("the event loop was late by 40 ms", ""))
        assert not re.search("[A-Za-z]{2,}", left), f"not all of it is Korean: {other.sentence}"
        figures = sorted(re.findall(r"\d+(?:\.\d+)?", re.sub("95 %", "", one.sentence)))
        assert sorted(re.findall(r"\d+(?:\.\d+)?", re.sub("95 %", "", other.sentence))) == figures


def test_a_slower_endpoint_is_told_as_an_engineer_would(make: Maker) -> None:
    (line,) = [one for one in told("regressed", "ko", make) if one.cell is None]
    said = (
        r"box coding의 출력 속도가 기준보다 [\d.]+ % 느려졌습니다 "
        r"\(95 % 구간 [\d.]+–[\d.]+ %, 5세션; 이 게이트는 [\d.]+ % 이상을 감지합니다\); "
        r"의도한 변경이라면: llmeval baseline accept box"
    )
    assert re.fullmatch(said, line.sentence), line.sentence


def test_a_particle_follows_its_noun(make: Maker) -> None:
    past = [{"coding/a/en": [4.0, 4.1], "coding/b/en": [4.0, 3.9]}] * 5
    now = {key: [value * 2 for value in values] for key, values in past[0].items()}
    with language.using("ko"):
        assert "coding의 첫 토큰까지의 시간이 기준보다 100 % 길어졌습니다" in (
            judge_metric(past, now, metric="ttft_s").sentence
        )
        assert "coding의 정확도가 기준보다 4점 높아졌습니다" in (
            judge_metric(past, now, metric="correctness").sentence
        )
        assert "coding의 품질은 기준과 같습니다" in judge_metric(past, past[0], metric="quality").sentence
