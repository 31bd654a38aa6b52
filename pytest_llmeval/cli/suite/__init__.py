"""``llmeval suite``: make, freeze and check suites of scenarios, without any endpoint."""

from __future__ import annotations

import argparse
from typing import Any

EXAMPLE = """\
examples:
  llmeval suite new billing              write a small suite to begin with
  llmeval suite check                    try all suites below the working folder
  llmeval suite freeze suites/coding     make vectors of references and strategies
  llmeval suite list                     the shipped suites

llmeval suite ACTION --help has the arguments and exit codes of each.
"""


def add(commands: Any) -> None:
    """Add the commands to the parser."""
    from . import check, freeze, new, overview

    parser = commands.add_parser(
        "suite",
        help="write, freeze, check and list suites of scenarios, without any endpoint",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action in (check, freeze, overview, new):
        action.add(actions)
