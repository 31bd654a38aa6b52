"""Which suite files an action is about: paths, names of shipped suites, or all below the working folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llmeval import problems, scenarios, shipped
from pytest_llmeval.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_llmeval.model import Scenario, Suite

SUFFIX = ".eval.yaml"
_HELP = (
    f"a *{SUFFIX} file, a file of problems (*{problems.SUFFIX}), a folder, or the name of a shipped suite "
    "(default: all below the working folder)"
)


def add(parser: Any) -> None:
    """The argument that names them."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help=_HELP)


def named(paths: Iterable[str]) -> list[Path]:
    """The files that are named. Raises ``UsageError`` where a name leads to none."""
    return [*dict.fromkeys(file for path in list(paths) or ["."] for file in _named(path))]


def load(file: Path, *, frozen: bool = True) -> Suite:
    """See ``scenarios.load`` and ``problems.load``; messages show the path below the working folder."""
    if problems.are_in(file):
        return problems.load(file, root=Path.cwd())
    return scenarios.load(file, root=Path.cwd(), frozen=frozen)


def where(scenario: Scenario) -> str:
    """``path:line id``, as messages begin."""
    path = Path(scenario.path)
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"{shown}:{scenario.line} {scenario.id}"


def _named(name: str) -> list[Path]:
    path = Path(name).absolute()
    if path.is_file():
        return [path]
    found = sorted(below(path))
    if not found and name in shipped.names():
        return shipped.files(name)
    if not found:
        hint = f"name a file, a folder that holds some, or a shipped suite: {', '.join(shipped.names())}"
        raise UsageError(f"there is no *{SUFFIX} file at {name}", hint=hint)
    return found


def below(folder: Path) -> Iterator[Path]:
    """The suite files below a folder, but for hidden folders and virtual environments."""
    for place, folders, names in os.walk(folder):
        if "pyvenv.cfg" in names:
            folders.clear()
            continue
        folders[:] = [one for one in folders if not one.startswith(".")]
        yield from (Path(place) / name for name in names if name.endswith(SUFFIX))
