"""``llmeval suite``: make, freeze and check suites of scenarios, without any endpoint."""

from __future__ import annotations

from typing import Any


def add(commands: Any) -> None:
    """Add the commands to the parser."""
    from . import check, freeze

    parser = commands.add_parser("suite", help="freeze and check suites of scenarios, without any endpoint")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action in (check, freeze):
        action.add(actions)
