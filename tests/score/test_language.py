"""Language by script, on the kinds of text that models answer with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.score.scorers import language


@pytest.mark.parametrize(
    "prose",
    [
        "안녕하세요! 무엇을 도와드릴까요?",
        "네",
        "피보나치 수열은 앞의 두 수를 더해 만드는 수열입니다.",
        "LRU 캐시(Least Recently Used cache)는 get과 put 메서드를 O(1)에 처리해야 합니다.",
        "이 함수는 fib(n)을 재귀적으로 호출하며, memoization을 사용합니다.",
        "유교의 핵심 개념은 인(仁)과 의(義)입니다. 공자는 이를 강조했습니다.",
        "ㅋㅋㅋ 좋아요",
    ],
)
def test_korean_is_korean(prose: str) -> None:
    assert language.kept(prose, "ko") == (True, None)


@pytest.mark.parametrize(
    ("prose", "told"),
    [
        ("你好!我可以帮你什么?", "Chinese"),
        ("안녕하세요, 我可以帮助你解决这个问题", "Chinese"),
        ("피보나치 수열을 계산하는 함数입니다. 이 函数는 递归 호출을 使用합니다.", "Chinese"),
        ("こんにちは。お手伝いできますか。", "kana"),
        ("안녕하세요. これは 함수입니다.", "kana"),
        ("Here is the function that you asked for, it is recursive.", "Hangul"),
        ("안녕! Here is the function that you asked for; it computes the numbers recursively.", "Hangul"),
    ],
)
def test_a_drift_from_korean_is_seen(prose: str, told: str) -> None:
    kept, reason = language.kept(prose, "ko")
    assert kept is False
    assert reason is not None
    assert told in reason


@pytest.mark.parametrize("prose", ["The sum of both.", "Café naïve, Zürich — ok.", "Hi"])
def test_english_is_english(prose: str) -> None:
    assert language.kept(prose, "en") == (True, None)


@pytest.mark.parametrize(
    "prose",
    [
        "안녕하세요! 저는 당신의 친절한 도우미입니다. 반갑습니다.",
        "这是一个计算斐波那契数列的函数,使用递归的方法来实现它。",
    ],
)
def test_a_drift_from_english_is_seen(prose: str) -> None:
    assert language.kept(prose, "en").kept is False


@pytest.mark.parametrize("prose", ["", "123 + 4", "OK"])
def test_too_little_to_tell(prose: str) -> None:
    assert language.kept(prose, "ko") == (None, None)


def test_other_languages_are_not_judged() -> None:
    assert language.kept("Bonjour tout le monde, ça va bien ?", "fr") == (None, None)


@given(st.text(), st.sampled_from(["ko", "en", "de", ""]))
def test_any_text_is_judged_or_not(text: str, name: str) -> None:
    kept, reason = language.kept(text, name)
    assert (kept is False) == (reason is not None)
