"""``llm.ask``: which cell a question is, and which arguments are refused before anybody is asked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_llmeval import evaluate
from pytest_llmeval.errors import UsageError
from pytest_llmeval.model import Endpoint, Record, Sample
from pytest_llmeval.plugin import context, fixture, payload
from pytest_llmeval.plugin.fixture import Asker
from pytest_llmeval.plugin.view import View
from pytest_llmeval.settings import Settings

BOX = Endpoint(name="box")


class Test:
    """A test with the fixture. ``asked``: the scenarios that reached the endpoint."""

    __test__ = False

    def __init__(self, name: str, function: str = "test_x") -> None:
        self.asked: list[Any] = []
        self.sections: list[Any] = []
        here = SimpleNamespace(
            view=View(Path("/project")),
            settings=Settings(endpoints=(BOX,)),
            answers_path=None,
            bench=SimpleNamespace(run=self._run),
        )
        self.item: Any = SimpleNamespace(
            name=name,
            nodeid=f"test_m.py::{function}{name.removeprefix(function)}",
            path=Path("/project/test_m.py"),
            config=SimpleNamespace(
                stash={context.KEY: here},
                option=SimpleNamespace(llm_reference=None, llm_endpoint=["box"]),
            ),
            add_report_section=lambda *section: self.sections.append(section),
            stash=pytest.Stash(),
            user_properties=[],
        )
        self.llm = Asker(self.item, BOX)

    def _run(self, endpoint: Any, scenario: Any, language: str, *, nodeid: str) -> evaluate.Outcome:
        self.asked.append(scenario)
        record = Record(
            endpoint=endpoint.name,
            suite=scenario.suite,
            scenario=scenario.id,
            language=language,
            category=scenario.category,
            prompt_sha256="",
            parameters_sha256="",
            samples=(Sample(round=0, at_s=0.0, ok=True),),
            nodeid=nodeid,
        )
        return evaluate.Outcome(record, ())


def cell(name: str, function: str = "test_x", **arguments: Any) -> str:
    """The scenario's id of a question."""
    test = Test(name, function)
    test.llm.ask("Hello?", **arguments)
    found: str = test.asked[0].id
    return found


@pytest.mark.parametrize(
    ("name", "scenario"),
    [
        ("test_x[box]", "test_x"),
        ("test_x[box-1]", "test_x-1"),
        ("test_x[1-box]", "test_x-1"),
        ("test_x[1-box-2]", "test_x-1-2"),
        ("test_x[box--5]", "test_x--5"),
        ("test_x[box-box]", "test_x-box"),
        ("test_x[sandbox-box-boxer]", "test_x-sandbox-boxer"),
    ],
)
def test_a_cell_has_the_tests_parameters_and_not_the_endpoint(name: str, scenario: str) -> None:
    assert cell(name) == scenario
    assert cell(name, id="Two Words") == f"{scenario}-two-words"


def test_names_that_no_id_can_spell_stay_apart() -> None:
    korean = [cell(f"{name}[box]", name) for name in ("test_더하기", "test_빼기", "더하기", "빼기")]
    assert len(set(korean)) == 4
    assert [one.rpartition("-")[0] for one in korean] == ["test_", "test_", "", ""]
    ids = [cell("test_x[box]", id=name) for name in ("더하기", "빼기", None)]
    assert len(set(ids)) == 3
    assert all(one == "test_x" or one.startswith("test_x-") for one in ids), "as view.asked_by reads them"


def test_the_same_id_twice_is_refused() -> None:
    llm = Test("test_x[box]").llm
    llm.ask("Hello?")
    with pytest.raises(UsageError, match="twice with the same id\n  -> give each question its own"):
        llm.ask("Hello again?")


@pytest.mark.parametrize(
    ("argument", "value", "expected"),
    [
        ("prompt", " ", "a text"),
        ("prompt", 3, "a text"),
        ("system", "", "a text"),
        ("suffix", 1, "a text"),
        ("id", 5, "a text"),
        ("requires", ["fib(n"], "a name or a signature"),
        ("requires", ["no name"], "a name or a signature"),
        ("requires", 3, "a name or a signature"),
        ("code", "Python 3", "the name of a programming language"),
        ("category", "Two Words", "a slug"),
        ("language", "Korean", "a language code"),
        ("max_tokens", 0, "a whole number"),
        ("max_tokens", 2.5, "a whole number"),
        ("temperature", -1, "a number"),
        ("temperature", "hot", "a number"),
        ("seed", -1, "a whole number"),
    ],
)
def test_what_no_scenario_file_may_say_is_refused(argument: str, value: Any, expected: str) -> None:
    test = Test("test_x[box]")
    arguments = {"prompt": "Hello?", argument: value}
    with pytest.raises(UsageError, match=rf"^llm\.ask: {argument}: expected {expected}"):
        test.llm.ask(**arguments)
    assert test.asked == []
    assert payload.KEY not in test.item.stash


def test_a_gap_is_filled_without_instructions() -> None:
    with pytest.raises(UsageError, match=r"llm\.ask: a gap is filled without instructions"):
        Test("test_x[box]").llm.ask("def f():", suffix="return 1", system="Be brief.")


def test_what_code_must_define_is_read_in_python_only() -> None:
    with pytest.raises(UsageError, match=r"llm\.ask: requires: is read in Python only"):
        Test("test_x[box]").llm.ask("Hello?", code="sql", requires=["fib(n)"])


def test_an_async_test_asks_in_a_thread() -> None:
    test = Test("test_x[box]")

    async def ask() -> None:
        with pytest.raises(UsageError, match=r"where an event loop runs.*\n  -> .*asyncio\.to_thread"):
            test.llm.ask("Hello?")
        assert test.asked == []
        await asyncio.to_thread(test.llm.ask, "Hello?")

    asyncio.run(ask())
    assert len(test.asked) == 1


@pytest.mark.parametrize(
    ("error", "when", "told"),
    [
        (AssertionError(), "call", True),
        (AssertionError(), "setup", True),
        (AssertionError(), "teardown", False),
        (pytest.skip.Exception("too late"), "call", False),
    ],
)
def test_a_failed_test_says_what_came_of_its_last_question(error: Exception, when: str, told: bool) -> None:
    test = Test("test_x[box]")
    call: Any = SimpleNamespace(excinfo=SimpleNamespace(value=error), when=when)
    fixture.explain(test.item, call)
    assert test.sections == [], "nobody was asked"
    test.llm.ask("Hello?", id="one")
    test.llm.ask("Hello?", id="two")
    fixture.explain(test.item, call)
    if not told:
        assert test.sections == []
        return
    ((place, name, text),) = test.sections
    assert (place, name) == (when, "llmeval")
    assert "test_m.py/test_x-two/en on box" in text
    assert "pytest --llm-endpoint=box 'test_m.py::test_x[box]'" in text


def test_one_requirement_is_one() -> None:
    test = Test("test_x[box]")
    test.llm.ask("Write fib(n).", requires="fib(n)")
    (scenario,) = test.asked
    assert scenario.answer.requires == ("fib(n)",)
    assert scenario.answer.code == "python"
