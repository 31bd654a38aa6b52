"""``llmeval``: the door itself."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval import __version__, cli, language
from pytest_llmeval.cli import place

if TYPE_CHECKING:
    from pathlib import Path


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


@pytest.mark.skipif(sys.platform == "win32", reason="a working folder can't be removed there")
def test_a_working_folder_that_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    code = "import os; os.rmdir(os.getcwd()); from pytest_llmeval import cli; exit(cli.main(['judge']))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],  # as a script has it: no working folder among what is imported
        cwd=gone,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "llmeval: the working folder is gone\n  -> cd to your project\n"


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest_llmeval.cli", "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == f"llmeval {__version__}\n"


@pytest.mark.parametrize(
    ("ending", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "\nllmeval: interrupted\n"),
        (
            OSError(28, "No space left on device", "/full/run.json"),
            2,
            "llmeval: /full/run.json: No space left",
        ),
        (OSError(24, "Too many open files"), 2, "llmeval: Too many open files\n"),
    ],
)
def test_what_the_machine_or_a_person_ends_is_no_traceback(
    ending: BaseException, code: int, said: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def end(_: object) -> int:
        raise ending

    monkeypatch.setattr("pytest_llmeval.cli.schema._print", end)
    assert cli.main(["schema", "run"]) == code
    assert capsys.readouterr().err.startswith(said)


def test_a_sign_that_the_terminals_encoding_lacks_is_replaced(folder_of_runs: Any) -> None:
    folder_of_runs.run("서버")
    command = [sys.executable, "-m", "pytest_llmeval.cli", "compare"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"speed, tok/s" in done.stdout
    assert b"??" in done.stdout


def test_our_own_faults_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_llmeval.cli.schema._print", lambda _: int("x"))
    with pytest.raises(ValueError, match="invalid literal"):
        cli.main(["schema", "run"])


def test_a_reader_that_has_gone_is_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "pytest_llmeval.cli", "schema", "run"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False, timeout=60)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_the_language_is_the_options_then_the_variables_then_the_project_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert place.report_language() == "en"
    (tmp_path / "llmeval.toml").write_text('report_language = "ko"\n')
    assert place.report_language() == "ko"
    monkeypatch.setenv("LLMEVAL_REPORT_LANGUAGE", "en")
    assert place.report_language() == "en"
    spoken: list[str] = []
    monkeypatch.setattr("pytest_llmeval.cli.schema._print", lambda _: spoken.append(language.current()) or 0)
    assert cli.main(["--report-language=ko", "schema", "run"]) == cli.main(["schema", "run"]) == 0
    assert spoken == ["ko", "en"]
    assert language.current() == "en"


def test_a_language_that_there_is_not_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LLMEVAL_REPORT_LANGUAGE", "kr")
    assert cli.main(["schema", "run"]) == 2
    assert "LLMEVAL_REPORT_LANGUAGE" in capsys.readouterr().err


def test_a_project_file_that_cannot_be_read_is_told_by_the_command_that_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "llmeval.toml").write_text("rounds = [")
    assert cli.main(["schema", "run"]) == 0
