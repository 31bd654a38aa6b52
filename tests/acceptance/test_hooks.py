"""Every hook's docstring is a recipe; here each runs as a user's conftest.py."""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.plugin import hookspecs

if TYPE_CHECKING:
    from collections.abc import Callable


def recipe(hook: Callable[..., Any]) -> str:
    """The code block of a hook's docstring."""
    text = inspect.getdoc(hook) or ""
    _, _, block = text.partition(".. code-block:: python\n")
    assert block, f"{hook.__name__} has no recipe"
    return textwrap.dedent(block)


def test_every_hook_has_a_recipe() -> None:
    hooks = [value for name, value in vars(hookspecs).items() if name.startswith("pytest_llmeval_")]
    assert len(hooks) == 3
    for hook in hooks:
        compile(recipe(hook), hook.__name__, "exec")


def test_the_page_shows_the_recipes() -> None:
    page = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text(encoding="utf-8")
    shown = {block.strip() for block in re.findall(r"(?ms)^```python\n(.*?)^```", page)}
    hooks = [value for name, value in vars(hookspecs).items() if name.startswith("pytest_llmeval_")]
    assert {recipe(hook).strip() for hook in hooks} <= shown
    assert all(f"| `{hook.__name__}(" in page for hook in hooks)


@pytest.mark.workers
def test_record_and_report(project: Any, answering: Callable[..., str]) -> None:
    observing = (hookspecs.pytest_llmeval_record, hookspecs.pytest_llmeval_report)
    (project.path / "conftest.py").write_text("\n".join(map(recipe, observing)))
    result = project.pytest(f"--llm-endpoint={answering()}", "--llm-rounds=1", "-s")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*mine/add/en default *", "*red verdicts: 0*"])


@pytest.mark.workers
def test_register_endpoints(project: Any) -> None:
    (project.path / "conftest.py").write_text(recipe(hookspecs.pytest_llmeval_register_endpoints))
    (project.path / "llmeval.toml").write_text('[endpoints.parrot]\nkind = "echo"\n')
    result = project.pytest("--llm-endpoint=parrot", "--llm-rounds=1")
    result.assert_outcomes(passed=3)
    assert project.last_run()["endpoints"]["parrot"] == {"kind": "echo", "model": "echo-1"}
