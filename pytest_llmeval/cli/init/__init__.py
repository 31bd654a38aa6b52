"""``llmeval init``: a project's first ``llmeval.toml`` and suite, and a workflow.

Nothing is run and nothing overwritten. What no flag says is asked at a terminal, with the default in
brackets; elsewhere the default holds.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pytest_llmeval import runfile, values
from pytest_llmeval.errors import UsageError
from pytest_llmeval.language import N_, _

from . import files, workflow

EXAMPLE = """\
examples:
  llmeval init                                             asks, then writes
  llmeval init --yes                                       a small model on this machine
  llmeval init --endpoint=http://localhost:8000/v1 --yes   your server
  llmeval init --endpoint=awq=http://gpu:8000/v1 --model=NAME --suite=billing --workflow --yes

What is there already is left as it is. Nothing is run and no server is asked.

exit code: 0 written, or left as it was; 2 wrong usage
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "init",
        help="write a project's first llmeval.toml and suite, and a workflow",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--endpoint",
        metavar="[NAME=]SPEC",
        help="what to ask: a URL, local, local:MODEL or replay:FOLDER (default: local)",
    )
    parser.add_argument("--model", metavar="NAME", help="the model to ask, where the server offers several")
    parser.add_argument("--suite", metavar="NAME", help="the first suite's name (default: first)")
    parser.add_argument(
        "--workflow", action="store_true", default=None, help=f"write {workflow.PATH} for GitHub, too"
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing: take the defaults, and write")
    parser.add_argument(
        "--folder", type=Path, default=Path(), metavar="DIR", help="the project's folder (default: this one)"
    )
    parser.set_defaults(run=_init)


def _init(options: argparse.Namespace) -> int:
    asks = not options.yes and sys.stdin.isatty()
    folder: Path = options.folder
    spec = options.endpoint or (_asked(_("What to ask: a URL, or local"), "local") if asks else "local")
    endpoint = files.endpoint(spec, options.model, folder)
    suite = options.suite or (_asked(_("Name of the first suite"), "first") if asks else "first")
    _check_suite(suite)
    wants_workflow = options.workflow
    if wants_workflow is None:
        wants_workflow = asks and _agreed(_("A workflow for GitHub, too?"), default=False)
    wanted = files.wanted(endpoint, suite, folder, workflow_too=wants_workflow)
    new = [file for file in wanted if file.there is None]
    for file in wanted:
        template = (
            N_("writes  {file}") if file.there is None else N_("leaves  {file}, which is there already")
        )
        print(_(template, file=file.there or file.path))
    if asks and new and not _agreed(_("Write?"), default=True):
        print(_("nothing was written"))
        return 0
    for file in new:
        runfile.write(file.path, file.text)
    if any(file.is_project and file.there for file in wanted):
        print("", _("add to the project file, if it is not in it:"), "", files.table(endpoint), sep="\n")
    print()
    print(_("nothing was run; next:"), *files.next_steps(endpoint, folder), sep="\n  ")
    return 0


def _check_suite(name: str) -> None:
    try:
        values.SLUG.accept(name)
    except values.UnexpectedError as wrong:
        raise UsageError(f"a suite can't be called {name}: {wrong}") from None


def _asked(question: str, default: str) -> str:
    """What a person types; the default for nothing, or at the end of the input."""
    try:
        return input(f"{question} [{default}]: ").strip() or default
    except EOFError:
        print()
        return default


def _agreed(question: str, *, default: bool) -> bool:
    said = _asked(question, "Y/n" if default else "y/N").lower()
    return default if "/" in said else said in {"y", "yes", "예", "네"}
