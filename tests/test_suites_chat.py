"""The chat suite: answers of known worth score in their order, in both languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmeval import scenarios, shipped
from pytest_llmeval.score import rubric

if TYPE_CHECKING:
    from pytest_llmeval.score.analysis import Analysis

(FILE,) = shipped.files("chat")
SCENARIOS = {scenario.id: scenario for scenario in scenarios.load(FILE).scenarios}


class Nobody:
    """Prose needs no analyser."""

    def analyse(self, code: str) -> Analysis:
        raise AssertionError(code)


GOOD = {
    ("greeting", "en"): "Welcome to the team! We are glad you are here. Ask us anything.",
    ("greeting", "ko"): "환영합니다! 함께 일하게 되어 정말 기뻐요. 궁금한 점은 언제든 물어보세요!",
    ("planet", "en"): "Jupiter is the largest planet of our solar system.",
    ("planet", "ko"): "태양계에서 가장 큰 행성은 목성입니다.",
    ("train", "en"): "The trip takes 150 minutes.",
    ("train", "ko"): "2시간 30분, 즉 150분이 걸립니다.",
    ("summary", "en"): """\
The river library closes on Monday for about three weeks, so collect reserved books by Saturday at five.
Return borrowed books at the town hall; no fees are charged meanwhile.""",
    ("summary", "ko"): """\
강변 도서관은 월요일부터 약 3주간 문을 닫으니 예약한 책은 토요일 오후 5시까지 찾아가세요.
빌린 책은 시청 1층 창구에 반납하면 되고 연체료는 없습니다.""",
    ("length-in-words", "en"): """\
Automated tests tell a team within minutes whether a change has broken something that worked before. They
make it safe to improve old code, they document what the software is meant to do, and they free people from
repeating the same checks by hand before every release.""",
    ("length-in-characters", "ko"): """\
자동화된 테스트가 있으면 코드를 바꿀 때마다 기존 기능이 깨지지 않았는지 몇 분 안에 확인할 수 있습니다.
덕분에 팀은 안심하고 코드를 고치고, 손으로 같은 검사를 되풀이하는 시간을 아낄 수 있습니다.""",
    ("polite", "en"): """\
Could you please send me the report when you have a moment? I have been waiting for it since Tuesday.""",
    ("polite", "ko"): "혹시 보고서를 보내 주실 수 있을까요? 화요일부터 기다리고 있어서 부탁드립니다.",
}
CELLS = [(name, language) for name, scenario in SCENARIOS.items() for language in scenario.prompt]


def worth(name: str, language: str, text: str, *, cut_off: bool = False) -> tuple[float, float]:
    """Correctness and clarity."""
    score, _ = rubric.score(SCENARIOS[name], language, text, Nobody(), cut_off=cut_off)
    assert score.correctness is not None
    return score.correctness, score.clarity or 0.0


def test_every_cell_has_an_answer_of_known_worth() -> None:
    assert set(GOOD) == set(CELLS)


@pytest.mark.parametrize(("name", "language"), CELLS)
def test_a_good_answer_has_full_marks(name: str, language: str) -> None:
    assert worth(name, language, GOOD[name, language]) == (10, 10)


@pytest.mark.parametrize(("name", "language"), CELLS)
def test_a_bad_answer_has_less(name: str, language: str) -> None:
    good = GOOD[name, language]
    other = "en" if language == "ko" else "ko"
    if (name, other) in GOOD:
        assert worth(name, language, GOOD[name, other])[1] == 0, "the wrong language"
    assert worth(name, language, "")[0] == 0
    assert worth(name, language, f"{good} {good} {good}")[0] < 10, "three times as long"
    assert worth(name, language, good, cut_off=True)[0] < 10


@pytest.mark.parametrize(("name", "language"), CELLS)
def test_a_prompt_is_in_its_language_and_does_not_give_its_answer_away(name: str, language: str) -> None:
    prompt = SCENARIOS[name].prompt[language]
    hangul = sum("가" <= character <= "힣" for character in prompt)
    assert (hangul > 10) is (language == "ko")
    if name in ("planet", "train"):
        assert not any(text in prompt for check in SCENARIOS[name].prose_checks for text in check.contains)


def test_nothing_is_promised() -> None:
    for scenario in SCENARIOS.values():
        assert scenario.finish is None
        assert scenario.category == "chat"
        assert 0 < (scenario.parameters.max_tokens or 0) <= 256
