"""What can't be written is told before anything is asked, a sentence each."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.plugin import places
from pytest_llmeval.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Folders that nobody may write; the superuser's rights count for nothing here."""
    closed: set[Path] = set()
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) not in closed)
    return closed.add


def asked(root: Path, **known: Any) -> Settings:
    return Settings(**{"baselines": root / "baselines", **known})


def refusal(of: Callable[[], None]) -> str:
    with pytest.raises(pytest.UsageError) as caught:
        of()
    return str(caught.value)


def test_a_run_that_could_not_be_kept_is_not_begun(tmp_path: Path, refused: Any) -> None:
    folder = tmp_path / ".llmeval"
    places.make(folder)
    assert (folder / ".gitignore").read_text(encoding="utf-8") == "*\n"
    refused(folder)
    said = refusal(lambda: places.make(folder))
    assert said.startswith(f"{folder}: can't be written: it is read-only for you\n  -> runs are kept there")
    (tmp_path / "file").write_text("")
    assert "file: can't be written: File exists" in refusal(lambda: places.make(tmp_path / "file"))


@pytest.mark.parametrize("option", ["json", "markdown", "html"])
def test_a_folder_where_a_file_is_to_be(tmp_path: Path, option: str) -> None:
    said = refusal(lambda: places.check(asked(tmp_path, **{option: tmp_path})))
    assert said == f"--llm-{option}: {tmp_path} is a folder\n  -> name a file in it"


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"update_baselines": True, "baselines": "file"}, "--llm-update-baselines"),
        ({"record": "file/of/mine"}, "--llm-record"),
        ({"html": "file/report.html"}, "--llm-html"),
    ],
)
def test_a_file_where_a_folder_is_to_be(tmp_path: Path, given: dict[str, Any], option: str) -> None:
    (tmp_path / "file").write_text("")
    given = {name: tmp_path / value if isinstance(value, str) else value for name, value in given.items()}
    said = refusal(lambda: places.check(asked(tmp_path, **given)))
    assert said == f"{option}: {tmp_path / 'file'} is a file\n  -> name a folder"


def test_a_project_that_can_be_written(tmp_path: Path) -> None:
    places.check(asked(tmp_path, json=tmp_path / "new" / "run.json", update_baselines=True))
    assert list(tmp_path.iterdir()) == []


def test_what_killed_runs_left_is_removed(tmp_path: Path) -> None:
    left = [tmp_path / place / ".x.json.1-abcd.tmp" for place in (".llmeval", ".llmeval/runs/1", "baselines")]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        (path.parent / "x.json").touch()
    places.sweep(tmp_path / ".llmeval", tmp_path / "baselines")
    assert not [path for path in left if path.exists()]
    assert all((path.parent / "x.json").exists() for path in left)
    places.sweep(tmp_path / "nowhere", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("closed", "given", "said"),
    [
        (
            "baselines",
            {"update_baselines": True},
            "--llm-update-baselines: {root}/baselines can't be written",
        ),
        ("out", {"json": "out/run.json"}, "--llm-json: {root}/out can't be written"),
        (".", {"html": "reports/new/run.html"}, "--llm-html: {root}/reports/new can't be written"),
        ("tapes", {"record": "tapes"}, "--llm-record: {root}/tapes can't be written"),
    ],
)
def test_each_place_has_its_sentence(
    tmp_path: Path, refused: Any, closed: str, given: dict[str, Any], said: str
) -> None:
    given = {name: tmp_path / value if isinstance(value, str) else value for name, value in given.items()}
    (tmp_path / closed).mkdir(exist_ok=True)
    refused(tmp_path / closed)
    with pytest.raises(pytest.UsageError) as caught:
        places.check(asked(tmp_path, **given))
    assert said.format(root=tmp_path) in str(caught.value)
    assert "\n  -> " in str(caught.value)


def test_baselines_that_are_only_read_may_be_read_only(tmp_path: Path, refused: Any) -> None:
    (tmp_path / "baselines").mkdir()
    refused(tmp_path / "baselines")
    places.check(asked(tmp_path))


def test_no_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(pytest.UsageError, match=r"no folder for temporary files\n  -> .* TMPDIR"):
        places.check(asked(tmp_path))
