"""Which cells count as missing: those that are gone, never those that were merely not run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ONE = """\
import pytest

class TestOne:
    def test_a(self, llm):
        llm.ask("Write add 1.")

class TestTwo:
    @pytest.mark.parametrize("n", [1, 2])
    def test_b(self, llm, n):
        llm.ask("Write add 2.")
"""
OTHER = """\
def test_c(llm):
    llm.ask("Write add 3.")

def test_d(llm):
    llm.ask("Write add 4.", id="x")
"""
CELLS = {
    "mine/add/en",
    "mine/add/ko",
    "mine/greet/ko",
    "tests/test_one.py/testone.test_a/en",
    "tests/test_one.py/testtwo.test_b-1/en",
    "tests/test_one.py/testtwo.test_b-2/en",
    "tests/test_other.py/test_c/en",
    "tests/test_other.py/test_d-x/en",
}


@pytest.fixture
def promised(project: Any, answering: Callable[..., str]) -> Callable[..., dict[str, Any]]:
    """A function that runs the project, which has a baseline of eight cells; returns the run's file."""
    folder = project.path / "tests"
    folder.mkdir()
    (folder / "test_one.py").write_text(ONE)
    (folder / "test_other.py").write_text(OTHER)
    fast = ("--llm-rounds=1", "--llm-warmup=0", "--no-llm-strict")
    url = f"--llm-endpoint={answering(gap_s=0.0, tokens=2)}"
    first = project.pytest(url, *fast, "--llm-update-baselines")
    assert first.ret == 0
    assert (project.path / "baselines" / "default.json").is_file(), first.stdout.str()

    def run(*arguments: str) -> dict[str, Any]:
        project.pytest(url, *fast, *arguments)
        ran: dict[str, Any] = project.last_run()
        return ran

    return run


def missing(run: dict[str, Any]) -> set[str]:
    return {one["cell"] for one in run["verdicts"] if one["verdict"] == "missing"}


@pytest.mark.parametrize(
    ("arguments", "cells"),
    [
        (["tests/test_one.py"], 3),
        (["tests/test_one.py::TestOne"], 1),
        (["tests/test_one.py::TestTwo::test_b[default-1]"], 1),
        (["tests/test_other.py::test_c", "suites"], 4),
        (["-k", "test_b and 1"], 1),
        (["-m", "mini"], 2),
        (["--deselect=tests/test_one.py::TestTwo::test_b"], 6),
        (["--ignore=tests/test_one.py"], 5),
        (["--ignore=tests", "-k", "greet"], 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_was_not_run_is_not_missing(
    promised: Callable[..., dict[str, Any]], arguments: list[str], cells: int
) -> None:
    run = promised(*arguments)
    assert missing(run) == set()
    assert len(run["cells"]) == cells
    (said,) = [one["sentence"] for one in run["verdicts"] if one["verdict"] == "not run"]
    assert re.match(rf"{8 - cells} cells? of default w(as|ere) not run", said)


def test_what_last_failed_left_out_is_not_missing(
    project: Any, promised: Callable[..., dict[str, Any]]
) -> None:
    module = project.path / "tests" / "test_one.py"
    module.write_text(ONE.replace('llm.ask("Write add 2.")', "assert n == 1"))
    promised()
    module.write_text(ONE)
    run = promised("--lf")
    assert [cell["scenario"] for cell in run["cells"]] == ["testtwo.test_b-2"]
    assert missing(run) == set()
    assert not run["complete"]


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        (None, {"test_c", "test_d-x"}),
        (OTHER.partition("def test_d")[0], {"test_d-x"}),
        ("def test_c():\n    pass\n", {"test_c", "test_d-x"}),
        (OTHER.replace('llm.ask("Write add 3.")', "pass"), {"test_c"}),
    ],
    ids=["module", "function", "last-function", "question"],
)
def test_what_is_gone_is_missing(
    project: Any, promised: Callable[..., dict[str, Any]], text: str | None, gone: set[str]
) -> None:
    module = project.path / "tests" / "test_other.py"
    if text is None:
        module.unlink()
    else:
        module.write_text(text)
    assert missing(promised()) == {f"tests/test_other.py/{one}/en" for one in gone}


@pytest.mark.parametrize(
    ("arguments", "complete"),
    [
        ([], True),
        (["tests/test_one.py"], True),
        (["suites"], True),
        (["suites/mine.eval.yaml::greet[default-ko]"], False),
        (["tests/test_one.py::TestTwo"], False),
        (["-k", "test_b and 1"], False),
        (["--deselect=tests/test_other.py::test_c"], False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_run_is_complete_where_the_suites_it_asked_are(
    promised: Callable[..., dict[str, Any]], arguments: list[str], complete: bool
) -> None:
    assert promised(*arguments)["complete"] is complete
