"""Tests as they are written, and as they are run."""

from __future__ import annotations

import ast

import pytest

from pytest_llmeval.score.testing import disguise, written


def test_names_are_those_of_functions_and_classes() -> None:
    tests = written.read("""
from x import test_helper
import unittest, pytest, os.path, agenda, app.models
def test_a(): pass
async def test_b(): pass
def helper(): pass
class TestC: pass
class Other(unittest.TestCase): pass
test_d = helper
""")
    assert tests.names == ("test_a", "test_b", "TestC", "Other", "test_d")
    assert tests.modules == ("x", "agenda", "app.models")


def test_a_copy_of_the_subject_and_a_main_part_are_taken_out() -> None:
    code = "def add(a, b):\n    return 1\nclass Kept: pass\ndef test_a(): add(1, 2)\nunittest.main()\n"
    assert [line for line in written.read(code, {"add"}).code.splitlines() if not line.startswith(" ")] == [
        "class Kept:",
        "",
        "def test_a():",
    ]


@pytest.mark.parametrize("code", ["def test_a(:", "x = '\0'", "x = 1\n" * 3000])
def test_what_can_not_be_read_is_an_error(code: str) -> None:
    with pytest.raises(ValueError, match="the code"):
        written.read(code)


def test_every_assertion_is_rewritten() -> None:
    assertions = ["assert a", "assert a == b, c", "if x: assert a < b < c", "assert (y := a) in b"]
    code = "\n    ".join(["def f():", *assertions])
    tree = ast.parse(written.read(code).code)
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree))


def test_silent_tests_call_and_assert_nothing() -> None:
    code = """
def test_a():
    assert f(1) == 2
    with pytest.raises(ValueError):
        f(-1)
    self.assertEqual(f(3), 4)
    with open(x) as y:
        assert y
"""
    silent = written.without_assertions(code)
    assert "assert" not in silent
    assert "raises" not in silent
    assert [call in silent for call in ("f(1)", "f(-1)", "f(3)", "open(x)")] == [True] * 4


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import sys\nsys._getframe(1)", "_getframe"),
        ("f.__code__.co_consts", "__code__"),
        ("f.__globals__", "__globals__"),
        ("import builtins", "builtins"),
        ("from inspect import getsource", "getsource"),
        ("import os\nos._exit(0)", "_exit"),
        ("import gc", "gc"),
        ("import inspect\ninspect.signature(f)", None),
        ("def f(:", None),
    ],
)
def test_what_reaches_into_the_program(code: str, name: str | None) -> None:
    assert written.reaches_inside(code) == name


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import unittest\nunittest.TestCase.assertEqual = print", "unittest.TestCase.assertEqual"),
        ("from unittest import TestCase as T\nT.assertEqual = print", "T.assertEqual"),
        ("import pytest\npytest.raises: int = print", "pytest.raises"),
        ("import re as r\nsetattr(r.Pattern, 'match', print)", "setattr(r.Pattern, 'match', print)"),
        ("def f(self):\n    setattr(self, 'math', 1)", None),
        ("import math\ndef f(x):\n    x.value = math.pi", None),
        ("def f(self):\n    self.math = 1", None),
    ],
)
def test_what_changes_a_module(code: str, name: str | None) -> None:
    assert written.changes_modules(code) == name


CODE = '''
import math

RATE = 2


def price(count, rate=RATE):
    """Doc."""
    total = 0
    for number in range(count):
        part = [number * factor for factor in (1, rate)]
        total += sum(part)
    def inner(count):
        nonlocal total
        total += count
        return total
    return inner(math.ceil(1.2))


class Box:
    kept = 1

    def value(self):
        kept = self.kept
        return kept
'''


def test_a_disguise_does_the_same_in_other_words() -> None:
    disguised = disguise.of(CODE)
    assert disguised is not None
    names: list[dict[str, object]] = [{}, {}]
    for code, namespace in zip((CODE, disguised), names, strict=True):
        exec(code, namespace)
    results = [(one["price"](4, rate=3), one["Box"]().value(), one["price"].__doc__) for one in names]  # type: ignore[operator]
    assert results[0] == results[1] == (26, 1, "Doc.")
    codes = [one["Box"].value.__code__ for one in names]  # type: ignore[attr-defined]
    assert codes[0].co_code != codes[1].co_code
    assert codes[0].co_varnames != codes[1].co_varnames
    assert "part_disguised" in disguised
    assert "total_disguised" not in disguised


def test_what_does_not_parse_has_no_disguise() -> None:
    assert disguise.of("def f(:") is None
