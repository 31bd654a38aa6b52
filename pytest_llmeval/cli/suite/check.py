"""``llmeval suite check``: do suites tell right answers from wrong ones? Needs no endpoint."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from pytest_llmeval import scenarios
from pytest_llmeval.errors import ScenarioError
from pytest_llmeval.score import soundness
from pytest_llmeval.score.analyser import Analyser
from pytest_llmeval.score.sandbox import choice

from . import files

if TYPE_CHECKING:
    from pytest_llmeval.model import Scenario, Suite
    from pytest_llmeval.score.soundness import Soundness

EXAMPLE = """\
examples:
  llmeval suite check                    all suites below the working folder
  llmeval suite check coding             a shipped one
  llmeval suite check -v my.eval.yaml    also which wrong variants of a reference nothing notices

It is a mistake if a file can't be read, a reference scores below 9.5 for correctness or below 8 for quality,
another right answer below 8 for correctness, code that the prompt shows scores like the reference, more than
half of the reference's small wrong variants do, or vectors are older than what they were made of.

exit code: 0 all is well, 1 there are mistakes, 2 wrong usage, or no sandbox to execute answers in
"""


def add(actions: Any) -> None:
    """Add the action to the parser."""
    parser = actions.add_parser(
        "check",
        help="try the right answers of suites, and wrong variants of them",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    files.add(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help="name the variants that nothing notices")
    parser.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    suites, mistakes = _loaded(options.paths)
    seen: set[tuple[str, int]] = set()
    sandbox = choice.choose()
    with Analyser() as analyser:
        for scenario in (one for suite in suites for one in suite.scenarios):
            if (scenario.path, scenario.line) in seen:
                continue  # another suite selects it
            seen.add((scenario.path, scenario.line))
            found = soundness.of(scenario, analyser, sandbox)
            stale = soundness.stale(scenario)
            wrong = [*([f"{stale}: llmeval suite freeze"] if stale else []), *found.mistakes]
            mistakes += [f"{files.where(scenario)}: {mistake}" for mistake in wrong]
            print(f"{files.where(scenario)}: {'WRONG' if wrong else _told(scenario, found)}", flush=True)
            for survivor in found.survivors if options.verbose else ():
                print(f"  not noticed: {survivor}")
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    print(f"{len(seen)} scenarios, {len(mistakes)} mistake{'s' * (len(mistakes) != 1)}")
    return 1 if mistakes else 0


def _loaded(paths: list[str]) -> tuple[list[Suite], list[str]]:
    """The suites that can be read, and what is wrong with the others."""
    suites: list[Suite] = []
    mistakes = []
    for path in files.named(paths):
        try:
            suite = files.load(path)
            scenarios.check_unique([*suites, suite])
        except ScenarioError as error:
            mistakes.append(str(error))
        else:
            suites.append(suite)
    return suites, mistakes


def _told(scenario: Scenario, found: Soundness) -> str:
    if not scenario.is_checked:
        return "nothing tells right answers from wrong ones"
    if not found.scores:
        return "checks, and no reference to try them on"
    reference, number = next(iter(found.scores.values())), len(found.scores)
    told = f"{number} right answer{'s' * (number != 1)}, correctness {reference.correctness:.1f}"
    if reference.quality is not None:
        told += f", quality {reference.quality:.1f}"
    if found.variants:
        told += f", {found.variants - len(found.survivors)} of {found.variants} wrong variants noticed"
    return told
