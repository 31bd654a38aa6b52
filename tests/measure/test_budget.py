"""The token budget: estimates held against two real tokenizers, and limits that fit the window."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.measure import budget

if TYPE_CHECKING:
    from collections.abc import Callable

PROSE = (
    "The router keeps a table of every path that it knows. When a packet arrives, it looks for the "
    "longest prefix that matches the destination, and hands the packet to the neighbour written beside it. "
    "If nothing matches, the packet goes to the default route, or is dropped."
)
CODE = (
    "def merge(left: list[int], right: list[int]) -> list[int]:\n    merged = []\n    while left and right:\n"
    "        source = left if left[0] <= right[0] else right\n        merged.append(source.pop(0))\n"
    "    return merged + left + right\n"
)
JSON = (Path(__file__).parents[2] / "fixtures/transcripts/llama.cpp-b11434/05_props.txt").read_text()
KOREAN = (
    "라우터는 알고 있는 모든 경로의 표를 가지고 있다. 패킷이 도착하면 목적지와 가장 길게 일치하는 접두사를 "
    "찾아 그 옆에 적힌 이웃에게 넘겨준다. 일치하는 것이 없으면 기본 경로로 보내거나 버린다."
)
DIGITS = "3141592653589793238462643383279502884197"
EMPTY = budget.estimate_tokens([""])


@pytest.mark.parametrize(
    ("text", "qwen", "smollm2"),
    [
        pytest.param(PROSE, 55, 55, id="prose"),
        pytest.param(CODE, 59, 65, id="code"),
        pytest.param(JSON, 1503, 1749, id="json"),
        pytest.param(KOREAN, 66, None, id="korean"),  # SmolLM2 never saw Korean: 228
        pytest.param(DIGITS, 40, 40, id="digits"),
    ],
)
def test_estimates_are_not_below_real_counts(text: str, qwen: int, smollm2: int | None) -> None:
    """Counts are ``/tokenize`` of llama.cpp with Qwen2.5-Coder-0.5B and SmolLM2-135M."""
    estimate = budget.estimate_tokens([text]) - EMPTY
    assert max(qwen, smollm2 or 0) <= estimate <= 2.5 * qwen


@given(st.lists(st.text()))
def test_every_text_has_an_estimate(texts: list[str]) -> None:
    assert budget.estimate_tokens(texts) >= 0
    assert budget.estimate_tokens([*texts, "more"]) > budget.estimate_tokens(texts)


@pytest.mark.parametrize(
    ("asked", "window", "prompt", "sent"),
    [
        pytest.param(1024, 32768, 500, 1024, id="fits"),
        pytest.param(32768, 32768, 21924, 32768 - 21924 - budget.MARGIN, id="the agent's prompt"),
        pytest.param(-1, 32768, 500, 32768 - 500 - budget.MARGIN, id="as much as fits"),
        pytest.param(1024, None, 500, 1024, id="no window"),
        pytest.param(-1, None, 500, None, id="as much as fits into no window"),
        pytest.param(None, 32768, 500, None, id="no limit"),
        pytest.param(1024, 2048, 9999, budget.LEAST, id="an estimate beyond the window"),
        pytest.param(100, 2048, 9999, 100, id="less than the least"),
        pytest.param(1024, 128, 9999, 127, id="a window below the least"),
    ],
)
def test_max_tokens(asked: int | None, window: int | None, prompt: int, sent: int | None) -> None:
    assert budget.max_tokens(asked, window=window, prompt_tokens=prompt) == sent


@given(st.just(-1) | st.integers(1, 10**6), st.integers(2, 10**6), st.integers(0, 10**6))
def test_a_limit_lies_below_the_window_and_what_was_asked(asked: int, window: int, prompt: int) -> None:
    sent = budget.max_tokens(asked, window=window, prompt_tokens=prompt)
    assert sent is not None
    assert 1 <= sent < window
    assert asked == -1 or sent <= asked


def test_a_refusal_with_numbers_corrects_the_limit() -> None:
    assert budget.corrected(32768, window=32768, prompt_tokens=21924) == 32768 - 21924 - 1
    assert budget.corrected(100, window=32768, prompt_tokens=21924) == 100
    assert budget.corrected(-1, window=100, prompt_tokens=60) == 39


@pytest.mark.parametrize(
    ("asked", "window", "prompt"),
    [(10, 100, 100), (10, 100, 500), (10, None, 5), (10, 100, None), (None, 100, 5)],
)
def test_what_can_not_fit_is_not_corrected(asked: int | None, window: int | None, prompt: int | None) -> None:
    assert budget.corrected(asked, window=window, prompt_tokens=prompt) is None


@pytest.mark.parametrize("count", [budget.estimate_tokens, budget.least_tokens])
def test_a_long_prompt_is_counted_once(count: Callable[[list[str]], int]) -> None:
    """A load asks the same again while other streams of the process are read."""
    prompt = "안녕하세요, please fix this: f(x)\n" * 20_000
    times_s = []
    for _ in range(3):
        begin = time.perf_counter()
        count([prompt])
        times_s.append(time.perf_counter() - begin)
    assert min(times_s[1:]) < times_s[0] / 10
