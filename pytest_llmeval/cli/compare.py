"""``llmeval compare RUN…``: the endpoints of any runs side by side, and who wins what."""

from __future__ import annotations

import argparse
from typing import Any

from pytest_llmeval import compare
from pytest_llmeval.errors import UsageError
from pytest_llmeval.report import compare as table

from . import place, screen

EXAMPLE = """\
examples:
  llmeval compare                                the endpoints of the last run
  llmeval compare monday.json tuesday.json       those of several, each with its run
  llmeval compare --markdown awq.json gptq.json >comparison.md

exit code: 0 compared, whoever wins; 2 wrong usage or an unreadable file
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "compare",
        help="set the endpoints of run files side by side",
        description="Metrics and scores as lines, the best in bold, then who wins what and how surely.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    place.add_runs(parser)
    parser.add_argument("--markdown", action="store_true", help="as Markdown, for a document or a comment")
    parser.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> int:
    sides = table.sides(list(place.runs(options).values()))
    if not sides:
        raise UsageError("no endpoint answered anything in these runs", hint="run pytest to the first cell")
    sentences = compare.told(sides)
    if options.markdown:
        print(table.document(sides, sentences), end="")
        return 0
    print(table.text(sides, sentences, width=screen.width(), color=screen.color()), end="")
    return 0
