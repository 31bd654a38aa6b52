"""Templates of requests: what is filled in, what is left out, and what no project file may say."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval import template
from pytest_llmeval.measure.endpoints import http
from pytest_llmeval.model import Request
from pytest_llmeval.values import UnexpectedError

ASKED = Request(
    messages=(("system", "be brief"), ("user", "hello")), max_tokens=8, temperature=0.5, seed=None
)


@pytest.mark.parametrize(
    ("written", "filled"),
    [
        ({"p": "{prompt}"}, {"p": "hello"}),
        ({"p": "Q: {prompt} {x} {}"}, {"p": "Q: hello {x} {}"}),
        (
            {"m": "{messages}"},
            {"m": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}]},
        ),
        ({"m": "<{messages}>"}, {"m": "<be brief\n\nhello>"}),
        ({"s": "{system}", "n": "{max_tokens}", "t": "{temperature}"}, {"s": "be brief", "n": 8, "t": 0.5}),
        ({"seed": "{seed}", "text": "seed {seed}"}, {"text": "seed "}),
        ({"list": ["{prompt}", "{seed}", 1, None, True]}, {"list": ["hello", 1, None, True]}),
        ({"deep": {"er": [{"p": "{prompt}"}]}}, {"deep": {"er": [{"p": "hello"}]}}),
    ],
)
def test_templates(written: Any, filled: Any) -> None:
    assert template.fill(written, http.values(ASKED, None)) == filled


@given(st.text())
def test_a_prompt_with_placeholders_in_it_is_not_filled_again(prompt: str) -> None:
    asked = Request(messages=(("user", prompt + "{seed}{prompt}"),))
    filled = template.fill({"p": "a{prompt}b"}, http.values(asked, None))
    assert filled["p"].endswith("{seed}{prompt}b")


def test_it_knows_its_placeholders_wherever_they_are() -> None:
    written = {"a": [{"b": "x {prompt} {seed}"}], "c": "{suffix}", "d": 5, "e": "{nothing}"}
    assert template.placeholders(written) == {"prompt", "seed", "suffix"}
    assert set(http.values(ASKED, None)) == set(template.PLACEHOLDERS)


JSON = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_what_json_can_say_is_taken_as_it_is(extra: Any) -> None:
    written = {"deep": [{"p": "{prompt}"}], "extra": extra}
    assert template.KIND.accept(written) == written


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{prompt}", 'expected a table in which a text says "{prompt}" or "{messages}", got "{prompt}"'),
        ({}, 'expected a table in which a text says "{prompt}"'),
        ({"prompt": "hello"}, 'expected a table in which a text says "{prompt}"'),
        ({"p": "{prompt}", "at": dt.date(2026, 1, 1)}, "got 2026-01-01"),
        ({"p": "{prompt}", "at": [math.inf]}, "finite numbers"),
        ({"p": "{prompt}", "at": {"n": math.nan}}, "finite numbers"),
    ],
)
def test_what_no_template_is(written: Any, said: str) -> None:
    with pytest.raises(UnexpectedError) as caught:
        template.KIND.accept(written)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ({"api_key": "sk-canary"}, "api_key"),
        ({"a": [{"Access-Token": "sk-canary"}]}, "Access-Token"),
        ({"password": "x", "api_key": "y"}, "password"),
        ({"key": "q", "token": 5, "max_tokens": "{max_tokens}"}, None),
        ({"api_key": "", "secret": "{prompt}"}, None),
    ],
)
def test_what_looks_like_a_key(written: Any, name: str | None) -> None:
    assert template.secret(written) == name
