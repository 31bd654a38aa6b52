"""Errors: the tree that is drawn is the tree in the code, and a message says what, where and what to do."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from pytest_llmeval import errors
from pytest_llmeval.errors import EndpointError, LLMEvalError, ScenarioError, UsageError

CLASSES = [one for _, one in inspect.getmembers(errors, inspect.isclass) if one.__module__ == errors.__name__]


def drawn() -> dict[str, str]:
    """Class -> its parent, from the indentation of the docstring's tree."""
    assert errors.__doc__ is not None
    parents: dict[str, str] = {}
    trail: list[tuple[int, str]] = []
    for line in errors.__doc__.splitlines():
        name, _, meaning = line.lstrip(" │├└─").partition(" ")
        if not line.startswith("    ") or not name.isidentifier() or not meaning.strip():
            continue
        depth = line.index(name)
        trail = [one for one in trail if one[0] < depth]
        parents[name] = trail[-1][1] if trail else "Exception"
        trail.append((depth, name))
    return parents


def test_the_tree_is_drawn_as_it_is() -> None:
    assert drawn() == {one.__name__: one.__base__.__name__ for one in CLASSES if one.__base__}


@pytest.mark.parametrize("error", CLASSES)
def test_every_error_says_what_it_is_for(error: type[LLMEvalError]) -> None:
    assert error.__doc__
    assert issubclass(error, LLMEvalError)


@pytest.mark.parametrize(
    ("where", "hint", "text"),
    [
        (None, None, "it broke"),
        ("a.toml:3", None, "a.toml:3: it broke"),
        (None, "mend it", "it broke\n  -> mend it"),
        ("a.toml:3", "mend it", "a.toml:3: it broke\n  -> mend it"),
    ],
)
def test_the_message_is_what_where_and_what_to_do(where: str | None, hint: str | None, text: str) -> None:
    error = EndpointError("it broke", where=where, hint=hint)
    assert str(error) == text
    assert (error.what, error.where, error.hint) == ("it broke", where, hint)


def test_a_scenarios_mistake_has_its_line() -> None:
    error = ScenarioError("no prompt", path=Path("a.eval.yaml"), line=7, hint="write one")
    assert str(error) == "a.eval.yaml:7: no prompt\n  -> write one"
    assert (error.path, error.line) == (Path("a.eval.yaml"), 7)
    assert str(ScenarioError("is no YAML", path=Path("a.eval.yaml"))) == "a.eval.yaml: is no YAML"
    assert isinstance(error, UsageError)
