"""What counts as said, and whether words say anything; lengths are held in test_prose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.score import phrases


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("They are cached.", "cach*"),
        ("We partition messages by channel; partitions by channel keep order.", "partition* by channel"),
        ("메시지 큐를 둡니다.", "큐*"),
        ("a C++ compiler", "C++"),
        ("`row[0]` crashes", "row[0]"),
    ],
)
def test_a_star_stands_for_the_rest_of_a_word(text: str, phrase: str) -> None:
    assert phrases.holds(text, phrase)
    assert phrases.holds_one(text, ["something else", phrase])


@pytest.mark.parametrize(("text", "phrase"), [("a cachet", "cache"), ("precached", "cach*"), ("", "x*")])
def test_without_a_star_words_are_whole(text: str, phrase: str) -> None:
    assert not phrases.holds(text, phrase)


@pytest.mark.parametrize(
    ("text", "name", "left"),
    [
        ("The total in cents.", "total_cents", set()),
        ("Splits the bill.", "split_bill", set()),
        ("The refill rate parameter (float)", "refill_rate", set()),
        ("How many people share it", "people", {"how", "many", "share"}),
        ("요청한 토큰의 수입니다.", "amount", {"요청한", "토큰", "수"}),
        ("매개변수 값을 반환합니다.", "", set()),
        ("The LRU cache", "LRUCache", set()),
    ],
)
def test_what_says_something_beyond_a_name(text: str, name: str, left: set[str]) -> None:
    assert phrases.content(text, name) == left


def test_a_text_without_phrases() -> None:
    assert phrases.without("The Queue holds jobs.", ["queue*"]) == "the holds jobs."


@given(st.text(), st.text(min_size=1))
def test_any_text_can_be_asked(text: str, phrase: str) -> None:
    assert isinstance(phrases.holds(text, phrase), bool)
    assert phrases.length(text, "sentences") == len(phrases.sentences(phrases._ITEM.sub("\n\n", text)))
    phrases.content(text, phrase)
