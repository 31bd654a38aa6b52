"""Checks of prose: what counts as said, and how long a text is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.model import ProseCheck, Scenario
from pytest_llmeval.score import phrases, rubric
from pytest_llmeval.score.analysis import Analysis
from pytest_llmeval.score.scorers import prose
from pytest_llmeval.score.scorers.protocol import Answer, Marks, Means

HOLDS = [
    ("The capital is Paris.", "paris"),
    ("프랑스의 수도는 파리입니다.", "파리"),
    ("The code is `MAGENTA-4172`.", "MAGENTA-4172"),
    ("```\nMAGENTA-4172\n```", "magenta-4172"),
    ("it is made of **two\nparts**", "two parts"),
    ("답은 150분입니다", "150"),
    ("ＰＡＲＩＳ", "Paris"),
    ("파리", "파리"),  # decomposed, as macOS writes file names
    ("a C++ compiler", "C++"),
]
HOLDS_NOT = [
    ("Parisian cafés", "Paris"),
    ("the 17th", "7"),
    ("1150 minutes", "150"),
    ("MAGENTA-41725", "MAGENTA-4172"),
    ("", "x"),
]


@pytest.mark.parametrize(("answer", "text"), HOLDS)
def test_said(answer: str, text: str) -> None:
    assert phrases.holds(answer, text)


@pytest.mark.parametrize(("answer", "text"), HOLDS_NOT)
def test_not_said(answer: str, text: str) -> None:
    assert not phrases.holds(answer, text)


@pytest.mark.parametrize(
    ("text", "words", "sentences"),
    [
        ("", 0, 0),
        ("Hello", 1, 1),
        ("It rains. Take a coat!", 5, 2),
        ('He said "Go." Then he went.', 6, 2),
        ("Version 3.5 is faster (by 20 %).", 6, 1),
        ("Really?! Yes…", 2, 2),
        ("비가 옵니다. 우산을 챙기세요.", 4, 2),
        ("- one thing\n- another thing\n- a third", 6, 3),
        ("1. First this.\n2. Then that.", 4, 2),
        ("A heading\n\nand a sentence\nof two lines.", 8, 2),
        ("**Bold.** And plain.", 3, 2),
        ("... -- ...", 0, 0),
    ],
)
def test_lengths(text: str, words: int, sentences: int) -> None:
    assert (phrases.length(text, "words"), phrases.length(text, "sentences")) == (words, sentences)


def test_characters_include_single_spaces() -> None:
    assert phrases.length(" 비가\n  옵니다. ", "characters") == len("비가 옵니다.")


CHECKS = (
    ProseCheck(contains=("Paris", "파리")),
    ProseCheck(contains=("Lyon",)),
    ProseCheck(unit="words", least=1, most=4),
    ProseCheck(unit="sentences", least=2, most=3),
)


class Nobody:
    """Prose needs no analyser."""

    def analyse(self, code: str) -> Analysis:
        raise AssertionError(code)


def scored(checks: tuple[ProseCheck, ...], text: str, *, cut_off: bool = False) -> Marks:
    scenario = Scenario(suite="s", id="x", prompt={"en": "?"}, prose_checks=checks)
    return prose.score(scenario, Answer(text, cut_off=cut_off), Means(Nobody()))


def test_the_score_is_the_share_of_checks_and_says_what_failed() -> None:
    assert scored(CHECKS, "The capital of France is Paris. Yes.") == Marks(
        5.0,
        {"contains": 5.0, "length": 5.0},
        reasons=(
            "the answer does not hold `Lyon`",
            "the answer has 7 words, asked for were at most 4",
        ),
    )


def test_a_range_that_is_missed_is_told_whole() -> None:
    reasons = scored(CHECKS[3:], "One.").reasons
    assert reasons == ("the answer has 1 sentences, asked for were 2 to 3",)


def test_what_was_cut_off_has_no_length() -> None:
    marks = scored(CHECKS, "Paris. Lyon. And", cut_off=True)
    assert (marks.correctness, marks.parts) == (5.0, {"contains": 10.0, "length": 0.0})
    assert marks.reasons == (prose.CUT_OFF,)


def test_reasoning_is_no_answer() -> None:
    marks = scored(CHECKS[:1], "<think>Paris, of course.</think>It is Rome.")
    assert (marks.correctness, marks.reasons) == (0.0, ("the answer does not hold `Paris` or `파리`",))
    assert scored(CHECKS[:1], "<think>Paris") == Marks(
        0.0, reasons=("the answer ends inside <think>: no answer was given",)
    )


def test_what_must_not_be_said() -> None:
    checks = (ProseCheck(lacks=("single table", "한 테이블")), ProseCheck(lacks=("MongoDB",)))
    marks = scored(checks, "Put all in a Single\nTable of PostgreSQL.")
    assert (marks.correctness, marks.parts) == (5.0, {"lacks": 5.0})
    assert marks.reasons == ("the answer holds `single table`, which it must not",)


def test_it_is_the_correctness_of_prose() -> None:
    scenario = Scenario(suite="s", id="x", prompt={"en": "?"}, prose_checks=CHECKS[:1])
    score, reasons = rubric.score(scenario, "en", "Paris is the capital of France.", Nobody())
    assert (score.correctness, score.clarity, score.quality, reasons) == (10.0, 10.0, None, ())
    assert score.parts == {"contains": 10.0, "language": 10.0}
    score, reasons = rubric.score(scenario, "en", "巴黎是法国的首都,也是最大的城市,人口两百万。", Nobody())
    assert (score.correctness, score.clarity) == (0.0, 0.0)
    assert len(reasons) == 2


texts = st.text(max_size=300)


@given(texts, st.text(min_size=1, max_size=20).filter(str.strip))
def test_any_text_holds_itself_and_has_a_length(answer: str, text: str) -> None:
    assert phrases.holds(f"{answer} {text} {answer}", text) or not phrases.plain(text)
    for unit in ("words", "sentences", "characters"):
        assert phrases.length(answer, unit) >= 0
    assert phrases.length(answer, "sentences") <= phrases.length(answer, "words") <= len(answer)
    scored(CHECKS, answer)


DESIGN = (
    ProseCheck(section=("Components", "구성 요소")),
    ProseCheck(component=("queue*", "큐*")),
    ProseCheck(component=("worker*", "워커*")),
    ProseCheck(lacks=("Kafka",)),
)
HONEST = """\
## Components

- The queue keeps every job until it is done.
- **Workers**: they take jobs from the queue, and resize the photos.
"""


def test_a_design_has_sections_and_explains_its_components() -> None:
    assert scored(DESIGN, HONEST) == Marks(10.0, {"lacks": 10.0, "sections": 10.0, "components": 10.0})
    korean = "**구성 요소**\n\n큐는 작업을 끝날 때까지 보관합니다. 워커는 작업을 꺼내 사진을 줄입니다."
    scenario = Scenario(suite="s", id="x", prompt={"ko": "?"}, prose_checks=DESIGN)
    assert prose.score(scenario, Answer(korean, language="ko"), Means(Nobody())).correctness == 10


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        (
            "## Components\n\nqueue, worker, cache, database, load balancer, CDN, API gateway, monitoring",
            ("the answer does not explain `queue` or `큐`", "the answer does not explain `worker` or `워커`"),
        ),
        (
            "## Components\n\nThe queue is an important part of it. The worker is an important part of it.",
            ("the answer does not explain `worker` or `워커`",),
        ),
        ("## Components\n\n## Risks\n\n" + HONEST.split("\n", 2)[2], ("the section `Components` is empty",)),
        (
            "## Components\n\nSee below.\n\n## Risks\n\n" + HONEST.split("\n", 2)[2],
            ("the section `Components` says next to nothing",),
        ),
        (HONEST.split("\n", 2)[2], ("the answer has no section `Components` or `구성 요소`",)),
        (HONEST + "- Kafka may be used", ("the answer holds `Kafka`, which it must not",)),
    ],
)
def test_strewn_keywords_and_empty_sections_are_told(text: str, reasons: tuple[str, ...]) -> None:
    assert scored(DESIGN, text).reasons == reasons


def test_who_says_nothing_has_avoided_nothing() -> None:
    assert scored(DESIGN, "I can't help with that.").correctness == 0
