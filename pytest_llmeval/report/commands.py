"""Workflow commands of GitHub Actions: the annotations that are ours. ``safe`` disarms everybody else's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from . import safe

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN = 10
"""Annotations of one kind that GitHub keeps of a step."""
_LONGEST = 4000
"""Characters of a message; GitHub cuts at 4096."""


def are_read(environ: Mapping[str, str]) -> bool:
    """Whether a runner reads what this process prints."""
    return environ.get("GITHUB_ACTIONS", "").lower() == "true"


def error(title: str, message: str, *, file: str | None = None, line: int | None = None) -> str:
    """The command that annotates a line (1-based) of a file of the repository, or the run as a whole."""
    place = {"file": file, "line": str(line) if file and line else None, "title": title}
    said = ",".join(f"{name}={_property(value)}" for name, value in place.items() if value)
    return f"::error {said}::{_data(message[:_LONGEST])}"


def in_repository(path: Path, environ: Mapping[str, str]) -> str | None:
    """A file as GitHub knows it, relative to the checkout; None for one outside of it."""
    checkout = Path(environ.get("GITHUB_WORKSPACE") or Path.cwd()).resolve()
    whole = path.resolve()
    return whole.relative_to(checkout).as_posix() if whole.is_relative_to(checkout) else None


def _data(text: str) -> str:
    """The runner reads ``%0A`` as a line's end, so percent signs come first."""
    shown = safe.block(text)
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(safe.line(text)).replace(":", "%3A").replace(",", "%2C")
