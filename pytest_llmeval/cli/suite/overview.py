"""``llmeval suite list``: the shipped suites, or the scenarios of some files."""

from __future__ import annotations

import argparse
from typing import Any

from pytest_llmeval import scenarios, shipped

from . import files

EXAMPLE = """\
examples:
  llmeval suite list                     the shipped suites
  llmeval suite list coding suites/      the scenarios of a shipped one, and of a folder

exit code: 0 listed, 2 wrong usage or an unreadable file
"""


def add(actions: Any) -> None:
    """Add the action to the parser."""
    parser = actions.add_parser(
        "list",
        help="list the shipped suites, or the scenarios of files",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files, folders or shipped suites to open")
    parser.set_defaults(run=_list)


def _list(options: argparse.Namespace) -> int:
    if options.paths:
        for file in files.named(options.paths):
            for one in files.load(file).scenarios:
                told = [one.category, ", ".join(one.prompt), " ".join(f"#{tag}" for tag in one.tags)]
                print(f"{files.where(one)}  {' · '.join(filter(None, told))}")
        return 0
    print(f"{'suite':<12}  {'scenarios':>9}  {'cells':>5}  categories")
    for name in shipped.names():
        found = [one for file in shipped.files(name) for one in scenarios.load(file).scenarios]
        cells = sum(len(one.prompt) for one in found)
        categories = ", ".join(dict.fromkeys(one.category for one in found))
        print(f"{name:<12}  {len(found):>9}  {cells:>5}  {categories}")
    return 0
