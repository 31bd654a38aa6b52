"""What ``llmeval init`` writes, and what it says to do next; nothing is written here."""

from __future__ import annotations

import os
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from msgspec import structs

from pytest_llmeval import project, specs
from pytest_llmeval.cli import section
from pytest_llmeval.cli.suite import new
from pytest_llmeval.errors import SettingsError
from pytest_llmeval.language import _

from . import workflow

if TYPE_CHECKING:
    from pytest_llmeval.model import Endpoint

_PROJECT = """\
# Every key: `llmeval schema project`. The command line and the environment have the last word.
rounds = 3                             # requests for each cell
{policy}
{section}
"""
_ALL = """\

[policy]
alpha = 0.02                           # how often a build may be red though nothing changed
"""
_SCORES = """
# The workflow runs on GitHub's machines, which are not alike: scores are gated, speed is only shown.
[policy.output_tps]
gate = false

[policy.ttft_s]
gate = false
"""


class File(NamedTuple):
    """A file to write. ``there``: what is in its place already, for which it is not written."""

    path: Path
    text: str
    there: Path | None
    is_project: bool = False


def endpoint(spec: str, model: str | None, folder: Path) -> Endpoint:
    """The endpoint that ``--endpoint`` means, named after its model or host where it has no name of its own.

    Paths are relative to the working folder, and to ``folder`` in the file. Raises ``SettingsError``.
    """
    if spec == "all":
        raise SettingsError("all is no endpoint of its own", where="--endpoint", hint="name a URL, or local")
    [found] = specs.select([spec], {}, cwd=Path.cwd(), where="--endpoint")
    if found.name == "default" and "=" not in spec.partition("://")[0]:
        found = structs.replace(found, name=section.name(model or urlsplit(found.url or "").hostname or ""))
    if found.path is not None:
        found = structs.replace(found, path=_below(Path(found.path), folder))
    return structs.replace(found, model=model or found.model)


def table(endpoint: Endpoint) -> str:
    """The endpoint as the project file has it."""
    return section.text(endpoint, wants_key=workflow.wants_key(endpoint))


def wanted(endpoint: Endpoint, suite: str, folder: Path, *, workflow_too: bool) -> list[File]:
    """The files of a project that begins, those that are there already among them."""
    path = folder / "evals" / f"{suite}.eval.yaml"
    hosted = workflow_too and not workflow.is_own_machine(endpoint)
    policy = _SCORES if hosted and endpoint.kind == "local" else _ALL
    texts = {folder / project.FILE: _PROJECT.format(policy=policy, section=table(endpoint))}
    shown = path.relative_to(folder)
    texts[path] = new.written_files(shown, oracle=False)[shown]
    if workflow_too:
        texts[folder / workflow.PATH] = workflow.text(endpoint)
    return [File(at, text, _in_place_of(at), at.name == project.FILE) for at, text in texts.items()]


def next_steps(endpoint: Endpoint, folder: Path) -> list[str]:
    """Commands, in their order, with what each is for."""
    from rich.cells import cell_len, set_cell_size  # Hangul takes two columns

    run = f"pytest --llm-endpoint={shlex.quote(endpoint.name)}"
    steps = [] if folder.resolve() == Path.cwd() else [(f"cd {shlex.quote(str(folder))}", "")]
    if endpoint.kind == "local" and find_spec("xllamacpp") is None:
        steps.append(("pip install 'pytest-llmeval-suite[local]'", _("llama.cpp, as a wheel")))
    if endpoint.url is not None:
        steps.append(
            (f"llmeval probe {shlex.quote(endpoint.name)}", _("what the server is, by one tiny request"))
        )
    if workflow.wants_key(endpoint) and not os.environ.get(specs.URL_KEY):
        steps.append(
            (f"export {specs.URL_KEY}=…", _("if the server wants a key; the file names only the variable"))
        )
    steps += [
        (run, _("ask, measure, score")),
        (f"{run} --llm-update-baselines", _("promise: three times, at different hours")),
        ("git add llmeval.toml evals baselines", _("review promises like code")),
    ]
    width = max(cell_len(command) for command, what in steps)
    return [f"{set_cell_size(command, width)}   # {what}".rstrip(" #") for command, what in steps]


def _below(path: Path, folder: Path) -> str:
    """As the project file writes it: relative where it lies in the project."""
    here = folder.resolve()
    return path.resolve().relative_to(here).as_posix() if path.resolve().is_relative_to(here) else str(path)


def _in_place_of(path: Path) -> Path | None:
    """What a file would overwrite, or contradict: a project is configured in one place only."""
    if path.exists():
        return path
    shared = path.with_name("pyproject.toml")
    if path.name == project.FILE and shared.is_file() and "[tool.llmeval" in shared.read_text("utf-8"):
        return shared
    return None
