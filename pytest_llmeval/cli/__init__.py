"""``llmeval``: the second door. Running is ``pytest``; this command works on servers and on what runs left.

Exit codes: 0 done, 1 a verdict is red or an update was refused, 2 wrong usage, or a file that can't be read
or written; 130 and 141 as a shell has them, for Ctrl-C and for a reader that has gone.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from typing import TYPE_CHECKING

from pytest_llmeval import __version__, language
from pytest_llmeval.errors import LLMEvalError, lack_of
from pytest_llmeval.language import _
from pytest_llmeval.report import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

EPILOG = """\
example:
  llmeval probe http://localhost:8000

Running is pytest: pytest --llm-endpoint=http://localhost:8000/v1
llmeval COMMAND --help has examples and exit codes of each; 2 is always wrong usage or an unreadable file.
"""
WRONG_USAGE = 2
INTERRUPTED, UNREAD = 130, 141
"""128 + SIGINT and 128 + SIGPIPE."""


def parser() -> argparse.ArgumentParser:
    """All commands with their arguments; each sets ``run``, which takes those and returns an exit code."""
    from . import (
        baseline,
        comment,
        compare,
        fit,
        init,
        judge,
        merge,
        probe,
        report,
        sandbox,
        schema,
        suite,
        weights,
    )

    every = argparse.ArgumentParser(
        prog="llmeval",
        description="Beside pytest: begin a project, probe servers, judge, compare and report runs, keep "
        "baselines, make suites, try the sandbox.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    every.add_argument("--version", action="version", version=f"llmeval {__version__}")
    every.add_argument(
        "--report-language",
        choices=language.LANGUAGES,
        help="the language in which results are told (default: as for pytest --llm-report-language)",
    )
    commands = every.add_subparsers(dest="command", required=True, metavar="COMMAND")
    reading = (baseline, comment, compare, judge, merge, report)
    for command in (*reading, fit, init, probe, sandbox, schema, suite, weights):
        command.add(commands)
    return every


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, run, and turn every error that is the user's, or the machine's, into one sentence."""
    from . import place

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a sign that the terminal's encoding lacks is no error
            stream.reconfigure(errors="replace")
    options = parser().parse_args(arguments)
    try:
        with language.using(options.report_language or place.report_language()):
            code: int = options.run(options)
            sys.stdout.flush()
    except LLMEvalError as error:
        return _refused(str(error))
    except BrokenPipeError:  # `llmeval … | head` has seen enough; nothing is left to say at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except OSError as error:
        told = f"{error.filename}: {error.strerror}" if error.filename is not None else lack_of(error)
        if told is None:
            raise
        return _refused(told)
    except KeyboardInterrupt:
        print(safe.block(f"\nllmeval: {_('interrupted')}"), file=sys.stderr)
        return INTERRUPTED
    return code


def _refused(why: str) -> int:
    print(safe.block(f"llmeval: {why}"), file=sys.stderr)
    return WRONG_USAGE
