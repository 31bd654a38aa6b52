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
    for option, path in _targets(settings):
        if not os.access(_there(path), os.W_OK | os.X_OK):
            yield f"{option}: {path} can't be written\n  -> permit writing there, or name another place"


def _targets(settings: Settings) -> Iterator[tuple[str, Path]]:
    """The folders that will be written, and the options that say so."""
    if settings.update_baselines:
        yield "--llm-update-baselines", settings.baselines
    files = {"json": settings.json, "markdown": settings.markdown, "html": settings.html}
    for name, path in files.items():
        if path is not None:
            yield f"--llm-{name}", path.parent
    if settings.record is not None:
        yield "--llm-record", settings.record


def _there(path: Path) -> Path:
    """The folder itself, or the nearest around it that there is: it is made on the way."""
    return next((one for one in (path, *path.parents) if one.exists()), path)
