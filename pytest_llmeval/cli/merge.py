"""``llmeval merge RUN… -o OUT``: the run that several machines did together."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pytest_llmeval import merge, runfile
from pytest_llmeval.language import N_, _

from . import place

EXAMPLE = """\
examples:
  llmeval merge shard-*.json -o run.json         put the parts of a run together
  llmeval judge run.json                         the verdicts, as one run would have had them
  llmeval baseline update --run=run.json         take it into the baselines

exit code: 0 written, 2 they can't be one run, or a file can't be read or written
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "merge",
        help="put the run files of several machines together",
        description="Writes the run that they would have been; nothing is judged.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run files")
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="OUT", help="the run file to write"
    )
    parser.set_defaults(run=_merge)


def _merge(options: argparse.Namespace) -> int:
    run = merge.merged(list(place.runs(options).values()))
    runfile.write(options.output, runfile.dump(run))
    whole = _("complete") if run.complete else _("partial, not all cells ran")
    template = N_("{file}: {cells} cells of {runs} runs; {whole}")
    print(_(template, file=options.output, cells=len(run.cells), runs=len(options.runs), whole=whole))
    return 0
