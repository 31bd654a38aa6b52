"""``llmeval suite freeze``: what it writes, what it says, and when it is red."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from pytest_llmeval import scenarios

if TYPE_CHECKING:
    from pathlib import Path

SUITE = """\
scenarios:
- id: half
  prompt: {en: "Write half(n)."}
  answer: {code: python, requires: [half(n)]}
  oracle: oracles/half
- id: plain
  prompt: {en: Hi.}
"""
REFERENCE = "def half(n):\n    return n // 2\n"
STRATEGIES = "from hypothesis import strategies as st\nCALLS = {'half': st.tuples(st.integers(0, 99))}\n"


@pytest.fixture
def suite(folder_of_runs):
    """A project with one suite, whose scenario `half` has an oracle without vectors."""
    place = folder_of_runs.path / "evals" / "oracles" / "half"
    place.mkdir(parents=True)
    (place / "reference.py").write_text(REFERENCE)
    (place / "strategies.py").write_text(STRATEGIES)
    (folder_of_runs.path / "evals" / "x.eval.yaml").write_text(SUITE)
    (folder_of_runs.path / ".hidden").mkdir()
    (folder_of_runs.path / ".hidden" / "y.eval.yaml").write_text("broken")
    return folder_of_runs


def oracle_of(suite) -> Path:
    return suite.path / "evals" / "oracles" / "half"


def test_vectors_are_made_once_and_are_then_fresh(suite) -> None:
    said = suite.llmeval("suite", "freeze", "--check")
    assert said.code == 1
    assert "evals/x.eval.yaml:2 half: there is no vectors.json; make it again" in said.err
    said = suite.llmeval("suite", "freeze", "evals", "--count=12")
    assert (said.code, said.out) == (0, "evals/x.eval.yaml:2 half: 12 vectors\n")
    (half, _) = scenarios.load(suite.path / "evals" / "x.eval.yaml").scenarios
    assert len(half.checks) == 12
    assert suite.llmeval("suite", "freeze", "--check").code == 0
    (oracle_of(suite) / "reference.py").write_text(REFERENCE.replace("n // 2", "(n >> 1)"))
    said = suite.llmeval("suite", "freeze", "--check")
    assert said.code == 1
    assert "half: vectors.json is older than reference.py" in said.err


def test_vectors_that_can_not_be_read_are_made_again(suite) -> None:
    (oracle_of(suite) / "vectors.json").write_text("<<<<<<< ours")
    assert suite.llmeval("suite", "freeze").code == 0
    assert len(scenarios.load(suite.path / "evals" / "x.eval.yaml").scenarios[0].checks) > 12


def test_solutions_that_disagree_are_red_and_leave_what_is_there(suite) -> None:
    (oracle_of(suite) / "second.py").write_text("def half(n):\n    return n / 2\n")
    said = suite.llmeval("suite", "freeze")
    assert said.code == 1
    assert "evals/x.eval.yaml:2 half: " in said.err
    assert (
        "answered otherwise than by reference.py: `half` fails on `1`: returned 0.5; 0 was expected"
        in said.err
    )
    assert not (oracle_of(suite) / "vectors.json").exists()


def test_without_hypothesis_it_says_how_to_get_it_and_still_checks(
    suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.llmeval("suite", "freeze")

    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    said = suite.llmeval("suite", "freeze")
    assert said.code == 2
    assert "pip install 'pytest-llmeval-suite[suite]'" in said.err
    assert suite.llmeval("suite", "freeze", "--check").code == 0


def test_a_path_that_leads_to_no_suite_is_wrong_usage(suite) -> None:
    said = suite.llmeval("suite", "freeze", "nowhere")
    assert said.code == 2
    assert "there is no *.eval.yaml file at nowhere" in said.err
    said = suite.llmeval("suite", "freeze", "smoke")
    assert (said.code, said.out) == (0, "no scenario has an oracle with strategies.py\n")
