"""Where a command works: the project around the working folder, its baselines and its policy."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmeval import language, project, runfile, settings, values
from pytest_llmeval.errors import SettingsError, UsageError
from pytest_llmeval.language import _
from pytest_llmeval.optiontable import OPTIONS

if TYPE_CHECKING:
    import argparse

    from pytest_llmeval.model import Policy, Run

_OF_A_RUN = frozenset({"LLMEVAL_ENDPOINT", "LLMEVAL_REFERENCE", "LLMEVAL_UPDATE_BASELINES"})
"""What to ask is no business of a command that asks nobody."""
MARKS = ("llmeval.toml", "baselines", "pyproject.toml", "pytest.ini", "tox.ini", ".git")


def root() -> Path:
    """The nearest folder from the working folder up that has ``.llmeval``, or looks like a root.

    Raises ``UsageError`` where the working folder was removed.
    """
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise UsageError("the working folder is gone", hint="cd to your project") from None
    for folder in (here, *here.parents):
        if (folder / ".llmeval").is_dir():
            return folder
    for folder in (here, *here.parents):
        if any((folder / mark).exists() for mark in MARKS):
            return folder
    return here


def add(parser: argparse.ArgumentParser) -> None:
    """The option that moves the baselines' folder."""
    parser.add_argument(
        "--baselines",
        metavar="DIR",
        help="the folder of the baselines (default: as for pytest --llm-baselines)",
    )


def add_runs(parser: argparse.ArgumentParser) -> None:
    """The argument that names run files."""
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="run files (default: the last run)")


def runs(options: argparse.Namespace) -> dict[Path, Run]:
    """The runs that are named, by their files; the last run where none is. Each may be named once."""
    paths: list[Path] = options.runs or [runfile.last(root())]
    found = [runfile.load(path) for path in paths]
    ids = [run.id for run in found]
    for name in ids:
        if ids.count(name) > 1:
            raise UsageError(f"run {name} is named twice", hint="name every run once")
    return dict(zip(paths, found, strict=True))


def promises(options: argparse.Namespace) -> tuple[Path, Policy]:
    """The folder of the baselines and the policy, by the same precedence as in a run."""
    found = asked(options)
    return found.baselines, found.policy


def report_language() -> str:
    """The language of a run in this place. A project file that can't be read is told by who needs it."""
    option = next(one for one in OPTIONS if one.name == "report_language")
    if text := os.environ.get(option.variable, "").strip():
        try:
            return str(option.from_environment(text))
        except values.UnexpectedError as wrong:
            raise SettingsError(str(wrong), where=option.variable) from None
    kinds = {one.name: one.kind for one in OPTIONS if one.in_file}
    with contextlib.suppress(SettingsError):
        return str(project.read(root(), kinds).options.get(option.name, language.LANGUAGES[0]))
    return language.LANGUAGES[0]


def no_baseline(folder: Path) -> str:
    """What to say where there is none."""
    return _(
        "there is no baseline in {folder}: pytest --llm-endpoint=… --llm-update-baselines makes one",
        folder=folder,
    )


def asked(options: argparse.Namespace) -> settings.Settings:
    """The settings that a run in this place would have, without anybody to ask."""
    environ = {name: value for name, value in os.environ.items() if name not in _OF_A_RUN}
    return settings.resolve({"baselines": options.baselines}, environ=environ, rootdir=root())
