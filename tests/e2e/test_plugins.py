"""Beside other plugins, each where it is installed: ``tox -e e2e-plugins``. Notes: docs/compatibility.md."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html import unescape
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import mock_server
import pytest

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "```python\ndef add(a, b):\n    return a + b\n```\n"
SUITE = """\
scenarios:
- {id: add, prompt: {en: "Write add(a, b)."}, answer: {code: python, requires: ["add(a, b)"]}}
- {id: greet, prompt: {en: Hello.}}
"""
TEST = """\
def test_add(llm):
    assert "add" in llm.ask("Write add(a, b).", id="add").text

def test_plain():
    pass
"""
PROMISE = "[policy.output_tps]\nfloor = 1000000\n"
SENTENCE = "below the policy's floor of 1e+06"


@pytest.fixture
def run(tmp_path: Path, mock: str) -> Any:
    """Run pytest in a project of two scenarios and two tests, with two workers where asked."""
    mock_server.control(mock, reset=True)
    mock_server.control(mock, answers={"Write add": GOOD})
    (tmp_path / "mine.eval.yaml").write_text(SUITE)
    (tmp_path / "test_mine.py").write_text(TEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")

    def pytest_(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", f"--llm-endpoint=box={mock}", "--llm-rounds=1"]
        return subprocess.run(
            [*command, "--llm-confirm=0", "-pno:cacheprovider", *arguments],
            cwd=tmp_path,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return pytest_


def needs(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(module) is None, reason=f"{module} is not installed")


def last_run(folder: Path) -> dict[str, Any]:
    place = json.loads((folder / ".llmeval" / "last-run.json").read_text())["run"]
    found: dict[str, Any] = json.loads((folder / place).read_text())
    return found


@needs("pytest_html")
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_html_has_cells_and_promises(run: Any, tmp_path: Path, workers: str) -> None:
    (tmp_path / "llmeval.toml").write_text(PROMISE)
    assert run(workers, "--html=r.html", "--self-contained-html").returncode == 1
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    blob = re.search(r'data-jsonblob="(.*?)"', page, re.DOTALL)
    assert blob is not None
    tests = json.loads(unescape(blob[1]))["tests"]
    assert "mine.eval.yaml::add[box-en]" in tests
    [promise] = tests["llmeval/box::output_tps"]
    assert promise["result"] == "Failed"
    assert SENTENCE in unescape(promise["log"])


@needs("pytest_github_actions_annotate_failures")
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_annotations_come_once_and_have_the_sentence(run: Any, tmp_path: Path, workers: str) -> None:
    (tmp_path / "llmeval.toml").write_text(PROMISE)
    done = run(workers, GITHUB_ACTIONS="true", GITHUB_WORKSPACE=str(tmp_path))
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "::error" in line]
    assert len(lines) == 1
    assert "file=llmeval.toml,line=1" in lines[0]
    assert SENTENCE in lines[0]


@needs("pytest_randomly")
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_another_order_is_the_same_run(run: Any, tmp_path: Path, workers: str) -> None:
    for seed in ("1", "2"):
        done = run(workers, f"--randomly-seed={seed}")
        assert done.returncode == 0, done.stdout
        assert last_run(tmp_path)["complete"]
        assert len(last_run(tmp_path)["cells"]) == 3


@needs("pytest_cov")
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_coverage_is_measured_beside(run: Any, tmp_path: Path, workers: str) -> None:
    done = run(workers, "--cov=.", "--cov-report=term")
    assert done.returncode == 0, done.stdout
    assert re.search(r"test_mine\.py +\d+ +0 +100%", done.stdout), done.stdout
    assert last_run(tmp_path)["complete"]
