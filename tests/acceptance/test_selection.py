"""Which cells count as missing: those that are gone, never those that were merely not run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

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
CELLS = 8
"""Three of the project's scenario file, three of test_one.py, two of test_other.py."""


def promised(project: Any, url: str) -> Callable[..., dict[str, Any]]:
    """Make a baseline of every cell; a function that runs the project and returns the run's file."""
    folder = project.path / "tests"
    folder.mkdir()
    (folder / "test_one.py").write_text(ONE)
    (folder / "test_other.py").write_text(OTHER)
    fixed = (f"--llm-endpoint={url}", "--llm-rounds=1", "--llm-warmup=0", "--no-llm-strict")
    assert project.pytest(*fixed, "--llm-update-baselines").ret == 0

    def run(*arguments: str) -> dict[str, Any]:
        project.pytest(*fixed, *arguments)
        ran: dict[str, Any] = project.last_run()
        return ran

    first = run()
    assert (len(first["cells"]), first["complete"], missing(first)) == (CELLS, True, set())
    return run


def missing(run: dict[str, Any]) -> set[str]:
    return {one["cell"] for one in run["verdicts"] if one["verdict"] == "missing"}


NOT_RUN = [
    (("suites",), 3, True),
    (("--ignore=tests/test_one.py",), 5, True),
    (("tests/test_one.py::TestTwo::test_b[default-1]", "suites"), 4, False),
    (("-k", "test_b and 1"), 1, False),
]
"""Arguments, how many cells they leave, and whether the suites in view ran whole."""


def test_what_was_not_run_is_not_missing(project: Any, answering: Callable[..., str]) -> None:
    run = promised(project, answering(gap_s=0.0, tokens=2))
    for arguments, cells, complete in NOT_RUN:
        ran = run(*arguments)
        assert missing(ran) == set(), arguments
        assert (len(ran["cells"]), ran["complete"]) == (cells, complete), arguments
        (said,) = [one["sentence"] for one in ran["verdicts"] if one["verdict"] == "not run"]
        assert re.match(rf"{CELLS - cells} cells? of default w(as|ere) not run", said), arguments


def test_what_last_failed_left_out_is_not_missing(project: Any, answering: Callable[..., str]) -> None:
    run = promised(project, answering(gap_s=0.0, tokens=2))
    module = project.path / "tests" / "test_one.py"
    module.write_text(ONE.replace('llm.ask("Write add 2.")', "assert n == 1"))
    run()
    module.write_text(ONE)
    ran = run("--lf")
    assert [cell["scenario"] for cell in ran["cells"]] == ["testtwo.test_b-2"]
    assert missing(ran) == set()
    assert not ran["complete"]


def test_what_is_gone_is_missing(project: Any, answering: Callable[..., str]) -> None:
    run = promised(project, answering(gap_s=0.0, tokens=2))
    module = project.path / "tests" / "test_other.py"
    for text, gone in (
        (OTHER.replace('llm.ask("Write add 3.")', "pass"), {"test_c"}),
        (OTHER.partition("def test_d")[0], {"test_d-x"}),
        ("def test_c():\n    pass\n", {"test_c", "test_d-x"}),
    ):
        module.write_text(text)
        assert missing(run()) == {f"tests/test_other.py/{one}/en" for one in gone}
    module.unlink()
    assert missing(run()) == {"tests/test_other.py/test_c/en", "tests/test_other.py/test_d-x/en"}


def test_a_suite_that_selects_is_asked_its_own_rounds_unless_the_user_says_otherwise(
    project: Any, answering: Callable[..., str]
) -> None:
    url = answering(answers={"def initials": "```python\ndef initials(name):\n    return ''\n```\n"})
    for rounds, given in ((1, ()), (2, ("--llm-rounds=2",))):
        ran = project.pytest(f"--llm-endpoint={url}", "--llm-suite=coding-mini", "-kinitials", *given)
        assert ran.ret == 0
        (cell,) = project.last_run()["cells"]
        assert (cell["suite"], cell["scenario"], cell["language"]) == ("coding-mini", "initials", "en")
        assert len(cell["samples"]) == rounds
        assert 0 < cell["samples"][0]["score"]["correctness"] < 5, "an empty name has no initials"
