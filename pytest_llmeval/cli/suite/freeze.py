"""``llmeval suite freeze``: make the vectors of every oracle that has a reference and strategies."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llmeval import oracle, runfile
from pytest_llmeval.errors import OracleError
from pytest_llmeval.score import vectors
from pytest_llmeval.score.sandbox import choice

from . import files

if TYPE_CHECKING:
    from pytest_llmeval.model import Scenario

EXAMPLE = """\
examples:
  llmeval suite freeze suites/coding     draw calls, ask every right solution, write vectors.json
  llmeval suite freeze --check           are the vectors what their sources give? needs no hypothesis

exit code: 0 done, 1 solutions disagree or vectors are stale, 2 wrong usage or an unreadable file
"""


def add(actions: Any) -> None:
    """Add the action to the parser."""
    parser = actions.add_parser(
        "freeze",
        help="make the vectors of oracles from their references and strategies",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    files.add(parser)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where vectors are stale")
    parser.add_argument(
        "--count",
        type=int,
        default=vectors.COUNT,
        metavar="N",
        help="vectors of an oracle, at most (default: %(default)s)",
    )
    parser.set_defaults(run=_freeze)


def _freeze(options: argparse.Namespace) -> int:
    found = {
        Path(scenario.oracle): scenario
        for file in files.named(options.paths)
        for scenario in files.load(file, frozen=False).scenarios
        if scenario.oracle is not None and (Path(scenario.oracle) / oracle.STRATEGIES).is_file()
    }
    if not found:
        print(f"no scenario has an oracle with {oracle.STRATEGIES}")
        return 0
    act = _checked if options.check else _frozen
    wrong = act(found, max(1, options.count))
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    return 1 if wrong else 0


def _checked(found: dict[Path, Scenario], _: int) -> list[str]:
    """What is stale."""
    why = {folder: oracle.stale(folder) for folder in found}
    stale = [f"{files.where(found[folder])}: {told}" for folder, told in why.items() if told is not None]
    print(f"{len(found) - len(stale)} of {len(found)} oracles have fresh vectors")
    return [f"{sentence}; make it again: llmeval suite freeze" for sentence in stale]


def _frozen(found: dict[Path, Scenario], count: int) -> list[str]:
    """Write the vectors of each; what went wrong with the others."""
    sandbox, wrong = choice.choose(), []
    for folder, groups in zip(found, vectors.drawn(list(found)), strict=True):
        name = files.where(found[folder])
        try:
            made = vectors.freeze(folder, groups, sandbox, count)
        except OracleError as error:
            wrong.append(f"{name}: {error}")
            continue
        runfile.write(folder / oracle.VECTORS, oracle.dump(made.vectors))
        print(f"{name}: {_told(made)}", flush=True)
    return wrong


def _told(made: vectors.Frozen) -> str:
    raising = sum(vector.raises is not None for vector in made.vectors.vectors)
    told = f"{len(made.vectors.vectors)} vectors"
    if raising:
        told += f", {raising} of them raise"
    return told + "".join(f"; {number} dropped that {why}" for why, number in made.dropped.items())
