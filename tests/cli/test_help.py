"""Every command's ``--help`` has an example that can be typed, and tells its exit codes."""

from __future__ import annotations

import argparse
import re
import shlex
from typing import TYPE_CHECKING

import pytest

from pytest_llmeval import cli

if TYPE_CHECKING:
    from collections.abc import Iterator


def commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser, bool]]:
    """As it is typed, its parser, and whether it is a group of others; the whole command first."""
    groups = [
        action
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)  # argparse tells its commands in no other way
    ]
    yield parser.prog, parser, bool(groups)
    for group in groups:
        for one in group.choices.values():
            yield from commands(one)


EVERY = list(commands(cli.parser()))


def test_the_commands_are_found() -> None:
    names = [name for name, _, _ in EVERY]
    assert len(names) > 18
    assert {"llmeval", "llmeval judge", "llmeval baseline accept", "llmeval suite list"} <= set(names)


@pytest.mark.parametrize(("name", "parser"), [(name, parser) for name, parser, _ in EVERY])
def test_an_example_can_be_typed(name: str, parser: argparse.ArgumentParser) -> None:
    shown = re.findall(rf"(?m)^  (?:\w+=\S+ )?({name} .*)$", parser.epilog or "")
    assert shown, f"{name} --help has no example"
    for line in shown:
        words = shlex.split(re.split(r"  +| >", line)[0])
        cli.parser().parse_args(words[1:])


@pytest.mark.parametrize(("name", "parser"), [(name, one) for name, one, is_group in EVERY if not is_group])
def test_exit_codes_are_told(name: str, parser: argparse.ArgumentParser) -> None:
    assert "exit code: 0 " in (parser.epilog or ""), f"{name} --help tells no exit codes"


@pytest.mark.parametrize(("name", "parser"), [(name, parser) for name, parser, _ in EVERY])
def test_every_argument_is_told(name: str, parser: argparse.ArgumentParser) -> None:
    untold = [action.dest for action in parser._actions if not action.help]
    assert set(untold) <= {"command", "action"}, name
