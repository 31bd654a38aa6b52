"""Command-line options, built from the one table that describes them (``optiontable.OPTIONS``). No ini
keys.
"""

from __future__ import annotations

import difflib
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.language import N_, _
from pytest_llmeval.optiontable import OPTIONS, Option

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_llmeval.settings import Settings

    from .view import View


PREFIX = "LLMEVAL_"
OTHER_VARIABLES = ["LLMEVAL_API_KEY", "LLMEVAL_CACHE_DIR", "LLMEVAL_LOCAL_THREADS"]
"""Variables that are no options."""


def add(parser: pytest.Parser) -> None:
    """Add every option to pytest's parser; None, not given, leaves it to environment and project file."""
    group = parser.getgroup(
        "llmeval", "measuring, scoring and gating language models (write them as --opt=value)"
    )
    for option in OPTIONS:
        for flag, meaning in option.flags:
            negated = len(option.flags) > 1 and flag.startswith("--no-")
            group.addoption(
                flag,
                dest=_dest(option),
                action="store_const",
                const=meaning,
                default=None,
                help=f"do not: see {option.flags[0][0]}" if negated else _help(option),
            )
        if not option.flags:
            group.addoption(
                option.option,
                dest=_dest(option),
                action="append" if option.repeatable else "store",
                metavar=option.metavar,
                default=None,
                **({"nargs": "?", "const": option.alone} if option.alone else {}),
                help=_help(option),
            )


def values(config: pytest.Config) -> dict[str, Any]:
    """What the command line gave, by option name."""
    return {option.name: getattr(config.option, _dest(option), None) for option in OPTIONS}


def any_given(config: pytest.Config, environ: Mapping[str, str]) -> bool:
    """Whether the user asked this plugin for anything, on the command line or in the environment."""
    return any(value is not None for value in values(config).values()) or any(
        environ.get(option.variable, "").strip() for option in OPTIONS
    )


def misspelt(environ: Mapping[str, str]) -> Iterator[str]:
    """A sentence for every variable that is almost one of ours. Keys may have any name."""
    ours = [option.variable for option in OPTIONS] + OTHER_VARIABLES
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in ours or "API_KEY" in name or not environ[name].strip():
            continue
        rests = [one.removeprefix(PREFIX) for one in ours]
        if close := difflib.get_close_matches(name.removeprefix(PREFIX), rests, n=1, cutoff=0.75):
            template = N_("{name} is set and read by nobody; did you mean {meant}?")
            yield f"llmeval: {_(template, name=name, meant=PREFIX + close[0])}"


def check_suites(settings: Settings) -> None:
    """Raises ``pytest.UsageError`` for a suite that is not shipped."""
    from pytest_llmeval import shipped
    from pytest_llmeval.errors import UsageError

    try:
        for name in settings.suites:
            shipped.files(name)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


def given_endpoints(config: pytest.Config) -> list[str]:
    """The command line's ``--llm-endpoint`` and ``--llm-reference``, to be repeated in a command."""
    reference = config.option.llm_reference
    given = [f"--llm-endpoint={spec}" for spec in config.option.llm_endpoint or ()]
    return [*given, *([f"--llm-reference={reference}"] if reference else [])]


def again(config: pytest.Config, *what: str) -> str:
    """The command that runs a part of this run once more."""
    return shlex.join(["pytest", *given_endpoints(config), *what])


def only_suites(config: pytest.Config, settings: Settings) -> None:
    """``--llm-suite=NAME`` without paths runs that suite alone; with paths, beside what they name."""
    if settings.suites and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = []


def everything(config: pytest.Config) -> bool:
    """Whether no path, nor the working folder, nor ``--lf`` limits the run to a part of the project."""
    source = pytest.Config.ArgsSource
    here = config.invocation_params.dir == config.rootpath
    whole = config.args_source is source.TESTPATHS or (config.args_source is source.INVOCATION_DIR and here)
    return whole and not _last_failed(config)


def narrowed(config: pytest.Config, view: View) -> set[str]:
    """The suites of the modules of which a node id, or ``--lf``, may have left tests out."""
    if _last_failed(config):
        return {module for module, _ in view.functions}
    named = (argument.partition("::") for argument in config.args)
    folder = config.invocation_params.dir
    return {view.suite_of_module(folder / path) for path, colons, _ in named if colons}


def _last_failed(config: pytest.Config) -> bool:
    return bool(getattr(config.option, "lf", False))  # not there under -p no:cacheprovider


def _dest(option: Option) -> str:
    return f"llm_{option.name}"


def _help(option: Option) -> str:
    default = f" (default: {option.default})" if option.default else ""
    again = "; may be given again" if option.repeatable else ""
    return f"{option.help}{again}{default}".replace("%", "%%")
