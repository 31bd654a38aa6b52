"""Where a run writes, looked at before its first cell: what can't be written is told while nothing has cost
anything.

What can't be written later costs no other file (``Recorder.kept``).
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import pytest

from pytest_llmeval import whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_llmeval.settings import Settings


def make(folder: Path) -> None:
    """``.llmeval``, kept out of git by its own ``.gitignore``. A run that can't be kept is not begun."""
    ignore = folder / ".gitignore"
    try:
        folder.mkdir(exist_ok=True)
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        if os.access(folder, os.W_OK):
            return
        why = "it is read-only for you"
    except OSError as error:
        why = error.strerror or str(error)
    raise pytest.UsageError(
        f"{folder}: can't be written: {why}\n"
        "  -> runs are kept there, in pytest's root folder: run in a copy that can be written, or choose "
        "another root by --rootdir"
    )


def check(settings: Settings) -> None:
    """Raises ``pytest.UsageError`` with a sentence for each place that can't be written."""
    if lacks := list(_lacks(settings)):
        raise pytest.UsageError("\n".join(lacks))


def sweep(folder: Path, baselines: Path) -> None:
    """Remove what killed runs left half-written in ``.llmeval`` and beside the baselines."""
    runs = folder / "runs"
    for one in (folder, baselines, *(runs.iterdir() if runs.is_dir() else ())):
        whole.sweep(one)


def _lacks(settings: Settings) -> Iterator[str]:
    try:
        tempfile.gettempdir()
    except OSError:
        yield (
            "there is no folder for temporary files\n"
            "  -> permit writing in one, or name one in TMPDIR: analysers and the sandbox work there"
        )
    for option, path in _files(settings):
        if path.is_dir():
            yield f"{option}: {path} is a folder\n  -> name a file in it"
    for option, folder in _folders(settings):
        there = _there(folder)
        if not there.is_dir():
            yield f"{option}: {there} is a file\n  -> name a folder"
        elif not os.access(there, os.W_OK | os.X_OK):
            yield f"{option}: {folder} can't be written\n  -> permit writing there, or name another place"


def _files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """The files that will be written, and the options that say so."""
    files = {"json": settings.json, "markdown": settings.markdown, "html": settings.html}
    for name, path in files.items():
        if path is not None:
            yield f"--llm-{name}", path


def _folders(settings: Settings) -> Iterator[tuple[str, Path]]:
    """The same of folders."""
    if settings.update_baselines:
        yield "--llm-update-baselines", settings.baselines
    yield from ((option, path.parent) for option, path in _files(settings) if not path.is_dir())
    if settings.record is not None:
        yield "--llm-record", settings.record


def _there(path: Path) -> Path:
    """The folder itself, or the nearest around it that there is: it is made on the way."""
    return next((one for one in (path, *path.parents) if one.exists()), path)
