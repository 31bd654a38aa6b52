"""``llmeval judge RUN…``: the verdicts of pytest, from run files."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from msgspec import structs

from pytest_llmeval import runfile
from pytest_llmeval.judge import baselines, judge_run
from pytest_llmeval.report import terminal

from . import place

EXAMPLE = """\
examples:
  llmeval judge                                  the last run, against the baselines
  llmeval judge .llmeval/runs/*/run.json         several runs, one after another

exit code: 0 nothing regressed, 1 regressed, 2 wrong usage or an unreadable file
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "judge",
        help="judge run files against the baselines",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="run files (default: the last run)")
    place.add(parser)
    parser.set_defaults(run=_judge)


def _judge(options: argparse.Namespace) -> int:
    folder, policy = place.promises(options)
    runs = [runfile.load(path) for path in options.runs or [runfile.last(place.root())]]
    known = baselines.load_all(folder)
    red = False
    for run in runs:
        verdicts = judge_run(known, run, policy)
        red = red or verdicts.red
        judged = structs.replace(run, verdicts=verdicts.lines)
        width = shutil.get_terminal_size().columns
        print(terminal.table(judged, width=width, color=sys.stdout.isatty(), verbose=False))
        print(verdicts.header)
    return 1 if red else 0
