"""``llmeval judge RUN…``: the verdicts of pytest, from run files."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from msgspec import structs

from pytest_llmeval import merge
from pytest_llmeval.errors import UsageError
from pytest_llmeval.judge import baselines, judge_run
from pytest_llmeval.report import terminal

from . import place, screen

if TYPE_CHECKING:
    from pytest_llmeval.judge import Verdicts
    from pytest_llmeval.model import Run
    from pytest_llmeval.settings import Settings

EXAMPLE = """\
examples:
  llmeval judge                                  the last run, against the baselines
  llmeval judge shard-1.json shard-2.json        what several machines did, as one run
  llmeval judge --reference=old run.json         a run that asked its endpoints in turn with old

exit code: 0 nothing regressed, 1 regressed, 2 wrong usage or an unreadable file
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "judge",
        help="judge run files against the baselines",
        description="Several run files are the parts of one run: they are put together, then judged.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    place.add_runs(parser)
    parser.add_argument(
        "--reference",
        metavar="NAME",
        help="the endpoint that the others were asked in turn with (default: the run's own reference)",
    )
    parser.add_argument(
        "--fail-inconclusive", action="store_true", help="exit 1 for what the gate can't tell, too"
    )
    place.add(parser)
    parser.set_defaults(run=_judge)


def _judge(options: argparse.Namespace) -> int:
    asked = place.asked(options)
    run = merge.merged(list(place.runs(options).values()))
    _check_reference(run, options.reference)
    verdicts = verdicts_of(run, asked)
    judged = structs.replace(
        run,
        verdicts=verdicts.lines,
        strict=asked.strict,
        fail_inconclusive=options.fail_inconclusive or asked.fail_inconclusive,
    )
    print(terminal.table(judged, width=screen.width(), color=screen.color()))
    print(verdicts.header)
    return 1 if judged.red else 0


def verdicts_of(run: Run, asked: Settings) -> Verdicts:
    """The verdicts on a run against the baselines here, or against its own reference."""
    known = {} if run.reference else baselines.load_all(asked.baselines)
    return judge_run(known, run, asked.policy)


def _check_reference(run: Run, reference: str | None) -> None:
    """Endpoints that were not asked in turn have drift between them, which would pass for a difference."""
    if reference not in (None, run.reference):
        asked = f"with {run.reference}" if run.reference else "one after the other"
        raise UsageError(
            f"run {run.id} did not ask its endpoints in turn with {reference} but {asked}",
            hint=f"pytest --llm-reference={reference} asks them so",
        )
