"""Lines counted in one pass are radon's own counts, in a time that does not grow with their square."""

import io
import time
import tokenize

import pytest
import scoring_cost
from hypothesis import given
from hypothesis import strategies as st
from radon.raw import analyze

from pytest_llmeval.score import lines, source

CASES = [
    "",
    "\n\n",
    "x = 1",
    "a; b\n",
    "x = 1;\n",
    "if x: y = 1; z = 2\n",
    "if x:\n    y = 1\n\n\nelse:\n    z = 2\n",
    "x[1:2]\n",
    "d = {1: 2};\n",
    "f(\n\n1,\n)\n",
    "x = \\\n 1\n",
    "'''a\n\nb'''\n",
    "x = '''a\n\nb'''\n",
    "'a'\n",
    "'a'; 'b'\n",
    "f'{x:>3}'\n",
    "g = lambda: 1\n",
    "@a\ndef f(): pass\n",
    "class A: x = 1; y: int = 2\n",
    "async def f():\n    async with a as b, c:\n        return [x async for x in b]\n",
    "match x:\n    case [1, *_]: pass\n    case _:\n        y\n",
]


def count(code: str) -> lines.Lines:
    tokens = tokenize.tokenize(io.BytesIO(code.encode()).readline)
    return lines.count(source.without_comments(code).bare, tokens)


def radons(code: str) -> tuple[int, int]:
    counted = analyze(code)
    return counted.sloc, counted.lloc


@pytest.mark.parametrize("code", CASES)
def test_case(code: str) -> None:
    assert count(code) == radons(code)


@given(st.integers(0, 10**6))
def test_programs(seed: int) -> None:
    for code in scoring_cost.snippets(1, seed=seed):
        assert count(code) == radons(source.without_comments(code).bare)


@given(st.lists(st.sampled_from([case for case in CASES if case.endswith("\n")]), max_size=8))
def test_programs_of_cases(parts: list[str]) -> None:
    code = "".join(parts)
    assert count(code) == radons(code)


@pytest.mark.parametrize("code", ["x = (", "x = '''a", "if x:\n  a\n b\n"])
def test_what_can_not_be_tokenized(code: str) -> None:
    with pytest.raises((tokenize.TokenError, SyntaxError)):
        count(code)


def test_one_very_long_statement_costs_little() -> None:
    for code in (scoring_cost.HOSTILE["long list"], "x = 1" + " + \\\n 1" * 1_900 + "\n"):
        started = time.process_time()
        count(code)
        assert time.process_time() - started < 1
