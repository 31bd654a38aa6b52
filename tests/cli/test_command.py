"""``llmeval``: the door itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pytest_llmeval import __version__, cli


@pytest.mark.parametrize("arguments", [[], ["nope"], ["baseline"], ["baseline", "nope"], ["judge", "--nope"]])
def test_wrong_usage_is_exit_2_with_what_there_is(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 2
    assert "usage: llmeval" in capsys.readouterr().err


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    for argument in ("--version", "--help"):
        with pytest.raises(SystemExit) as exit_:
            cli.main([argument])
        assert exit_.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith(f"llmeval {__version__}\n")
    for command in ("baseline", "judge"):
        assert command in said


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest_llmeval.cli", "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == f"llmeval {__version__}\n"
