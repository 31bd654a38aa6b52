"""A user's project and ways to run pytest in it."""

from __future__ import annotations

import json
import sys
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import mock_server
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUITE = """\
scenarios:
- id: add
  category: algorithm
  prompt: {en: "Write add(a, b).", ko: "add(a, b)를 작성해 줘."}
  answer: {code: python, requires: ["add(a, b)"]}
  tags: [mini]
- id: greet
  category: chat
  prompt: {ko: "인사해 줘."}
"""
GOOD = "Here it is.\n```python\ndef add(a, b):\n    return a + b\n```\n"
ANSWERS = {
    "Write add": GOOD,
    "add(a, b)": GOOD,
    "인사": "안녕하세요! 만나서 반갑습니다. 무엇을 도와드릴까요?",
}


HAS_XDIST = find_spec("xdist") is not None
NEEDS_XDIST = pytest.mark.skipif(not HAS_XDIST, reason="pytest-xdist is not installed")


OTHERS = ("randomly", "cov", "hypothesispytest", "rerunfailures", "timeout", "anyio")
"""Plugins that do not matter here: to start them takes as long as the rest. ``-pNAME`` brings one back;
``tests/test_doc_commands.py`` runs with all of them."""


class Project:
    """A project folder with one suite of three cells (``add`` en and ko, ``greet`` ko)."""

    def __init__(self, pytester: pytest.Pytester, workers: int) -> None:
        self.pytester = pytester
        self.workers = workers
        self.path = pytester.path
        (self.path / "suites").mkdir()
        (self.path / "suites" / "mine.eval.yaml").write_text(SUITE, encoding="utf-8")

    def pytest(self, *arguments: str) -> pytest.RunResult:
        """Run pytest as a user does, in a process of its own, with this test's number of workers."""
        return self.pytester.runpytest_subprocess(
            *([f"-n{self.workers}"] if HAS_XDIST else []),
            *(f"-pno:{name}" for name in OTHERS),
            "-Wignore::pytest.PytestWarning",
            *arguments,
            timeout=120,
        )

    def llmeval(self, *arguments: str) -> pytest.RunResult:
        """Run the command; in a process of its own too: ``pytester`` takes back what a test imports."""
        return self.pytester.run(sys.executable, "-m", "pytest_llmeval.cli", *arguments, timeout=120)

    def last_run(self) -> dict[str, Any]:
        """The last run's file."""
        last = json.loads((self.path / ".llmeval" / "last-run.json").read_text(encoding="utf-8"))
        run: dict[str, Any] = json.loads((self.path / last["run"]).read_text(encoding="utf-8"))
        return run


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest's short summary cuts its lines at the terminal's edge."""
    monkeypatch.setenv("COLUMNS", "200")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that is marked ``workers`` runs in one process and with two: the same outcome is the test."""
    if metafunc.definition.get_closest_marker("workers"):
        two = pytest.param(2, id="n2", marks=NEEDS_XDIST)
        metafunc.parametrize("project", [pytest.param(0, id="n0"), two], indirect=True)


@pytest.fixture
def project(request: pytest.FixtureRequest, pytester: pytest.Pytester) -> Project:
    """In one process, unless the test is marked ``workers``."""
    return Project(pytester, getattr(request, "param", 0))


@pytest.fixture
def answering(mock: str) -> Callable[..., str]:
    """The mock, scripted to answer the project's prompts; keyword arguments change its behaviour."""
    return partial(_answering, mock)


@pytest.fixture(scope="session")
def second_mock() -> Iterator[str]:
    """The URL of another."""
    with mock_server.running(tokens=40, gap_s=0.002, ttft_s=0.01, flavour="vllm") as url:
        yield url


@pytest.fixture
def second_answering(second_mock: str) -> Callable[..., str]:
    """Another mock that answers the same."""
    return partial(_answering, second_mock)


def _answering(url: str, **behaviour: Any) -> str:
    mock_server.control(url, reset=True)
    mock_server.control(url, **{"answers": ANSWERS, **behaviour})
    return url
