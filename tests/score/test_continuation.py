"""Answers that go on with given code: whole functions, bodies, and what they leave out of what was given."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.score import extract
from pytest_llmeval.score.continuation import completed

HEAD = 'def mean(values):\n    """The mean of the values, rounded up."""\n'
GIVEN = (
    f"from math import ceil\nfrom os import path\n\n\ndef total(values):\n    return sum(values)\n\n\n{HEAD}"
)
BODY = "    if not values:\n        return 0\n    return ceil(total(values) / len(values))\n"
BARE = "if not values:\n    return 0\nreturn ceil(total(values) / len(values))\n"
WHOLE = HEAD + BODY
REQUIRES = ("mean",)


def program(text: str, code: str = GIVEN) -> str | None:
    return completed(code, text, extract.code(text, requires=REQUIRES), REQUIRES).code


def fenced(code: str) -> str:
    return f"Here it is:\n\n```python\n{code}```\n"


@pytest.mark.parametrize(
    "text",
    [
        fenced(GIVEN + BODY),
        fenced(WHOLE),
        WHOLE,
        fenced(BODY),
        fenced(BARE),
        fenced(BODY.lstrip()),
        BODY,
        BODY.lstrip(),
        f"{BODY}\n\ndef other():\n    pass\n",
        f"<think>\nLet me see.\n</think>\n{fenced(BODY)}",
        fenced(f"from math import ceil\n\n{WHOLE}"),
        fenced(WHOLE) + "\nIt is used like this:\n" + fenced("print(mean([1, 2]))\n"),
    ],
)
@pytest.mark.parametrize("code", [GIVEN, GIVEN.partition('    """')[0]])
def test_the_whole_program(text: str, code: str) -> None:
    found = program(text, code)
    assert found is not None
    namespace: dict[str, Any] = {}
    exec(found, namespace)
    assert namespace["mean"]([1, 2]) == 2
    assert namespace["mean"]([]) == 0


def test_only_what_the_answer_uses_is_added() -> None:
    found = program(fenced(WHOLE))
    assert found is not None
    assert "import ceil" in found
    assert "import path" not in found
    assert program(fenced("def mean(values):\n    return 1\n")) == "def mean(values):\n    return 1\n"


@pytest.mark.parametrize(
    "text",
    ["", "I can't help with that.", fenced("def other():\n    return 1\n"), fenced("x = (\n"), fenced(HEAD)],
)
def test_what_does_not_go_on_with_it_is_left_as_it_is(text: str) -> None:
    found = extract.code(text, requires=REQUIRES)
    assert completed(GIVEN, text, found, REQUIRES) == found


@pytest.mark.parametrize("code", [WHOLE, "", "x = (", "class A:\n    pass\n", "x = 1\n"])
def test_where_nothing_was_begun_nothing_changes(code: str) -> None:
    found = extract.code(fenced(BODY), requires=REQUIRES)
    assert completed(code, fenced(BODY), found, REQUIRES) == found


def test_a_body_may_return_nothing() -> None:
    assert program(fenced("    print(values)\n")) == f"{HEAD}    print(values)\n"


def test_imports_in_the_function_are_no_body() -> None:
    found = program(
        fenced("    return ceil(3.2)\n"), "def mean(values):\n    from math import ceil\n    'It.'\n"
    )
    assert found == "def mean(values):\n    from math import ceil\n    'It.'\n    return ceil(3.2)\n"


def test_decorators_belong_to_the_function() -> None:
    begun = "import functools\n\n\n@functools.cache\ndef mean(values):\n"
    found = program(fenced("    return sum(values)\n"), begun)
    assert found is not None
    assert "@functools.cache\ndef mean" in found
    assert "import functools" in found


@given(st.text(), st.text())
def test_any_texts(code: str, text: str) -> None:
    found = extract.code(text)
    whole = completed(code, text, found, REQUIRES)
    assert (whole.code is None) != (whole.reason is None)
    assert completed(GIVEN, text, found, REQUIRES).blocks == found.blocks
