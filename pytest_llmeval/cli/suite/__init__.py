"""``llmeval suite``: make, freeze and check suites of scenarios, without any endpoint."""

from __future__ import annotations

from typing import Any


def add(commands: Any) -> None:
    """Add the commands to the parser."""
    from . import check, freeze, new, overview

    parser = commands.add_parser(
        "suite", help="write, freeze, check and list suites of scenarios, without any endpoint"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action in (check, freeze, overview, new):
        action.add(actions)
