"""``llmeval report RUN…``: runs as one HTML file, and its plots as pictures."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pytest_llmeval import dossier, runfile
from pytest_llmeval.judge import baselines
from pytest_llmeval.report import html, picture

from . import place

EXAMPLE = """\
examples:
  llmeval report                                 the last run, as llmeval.html
  llmeval report awq.json gptq.json --html awq-gptq.html
  llmeval report --png plots                     its plots as pictures for a document, and nothing else
  llmeval report --html run.html --png plots     both

exit code: 0 written; 2 wrong usage, a file that can't be read or written, or no extra `report`
"""
DEFAULT = Path("llmeval.html")


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "report",
        help="write runs as one HTML file",
        description="Verdicts, endpoints side by side, plots, history, and the worst cells with their "
        "answers; the file loads nothing and can be sent as it is.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    place.add_runs(parser)
    parser.add_argument(
        "--html", type=Path, metavar="PATH", help=f"the file to write (default: {DEFAULT}, without --png)"
    )
    parser.add_argument("--png", type=Path, metavar="FOLDER", help="write the plots as pictures here")
    place.add(parser)
    parser.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    dossier.check_extra("llmeval report")
    root = place.root()
    asked = place.asked(options)
    runs = place.runs(options)
    page = dossier.gathered(
        list(runs.values()),
        root=root,
        answers={run.id: dossier.lines(path.with_name("answers.jsonl")) for path, run in runs.items()},
        baselines=baselines.load_all(asked.baselines),
        policy=asked.policy,
    )
    target = options.html or (None if options.png else DEFAULT)
    if target is not None:
        text = html.document(page)
        runfile.write(target, text)
        print(f"{target}: {len(text.encode()) / 1e3:,.0f} kB")
    if options.png is not None:
        for line in picture.written(page, options.png):
            print(line)
    return 0
