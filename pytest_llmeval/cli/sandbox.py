"""``llmeval sandbox``: attack the sandbox of this machine on purpose, and say what holds."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from pytest_llmeval.report import safe
from pytest_llmeval.score.sandbox import attacks, choice

if TYPE_CHECKING:
    from pytest_llmeval.score.sandbox.attacks import Trial
    from pytest_llmeval.score.sandbox.protocol import Sandbox

PROGRAMS = 20
SHOWN = 80
EXAMPLE = """\
examples:
  llmeval sandbox                        what --llm-sandbox=auto uses here
  llmeval sandbox --kind=bubblewrap      another one

exit code: 0 all attacks were held, 1 one got through, 2 there is no such sandbox here, or wrong usage
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "sandbox",
        help="attack the sandbox that answers are executed in, and say what holds",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = [kind for kind in choice.KINDS if kind != "none"]  # the attacks are real: one is a fork bomb
    parser.add_argument("--kind", choices=kinds, default="auto", help="which (default: %(default)s)")
    parser.add_argument("-v", "--verbose", action="store_true", help="how each attack ended")
    parser.set_defaults(run=_sandbox)


def _sandbox(options: argparse.Namespace) -> int:
    sandbox = choice.choose(options.kind)
    print(f"sandbox: {sandbox.name}, {_program_ms(sandbox):.0f} ms a program")
    through: list[Trial] = []
    for name, group in attacks.GROUPS.items():
        found = []
        for trial in attacks.trials(sandbox, tuple(group)):
            found.append(trial)
            if options.verbose:
                print(f"  {'held' if trial.held else 'GOT THROUGH':<12} {trial.name}: {_line(trial.what)}")
        held = sum(trial.held for trial in found)
        print(f"{name:<17} {held} of {len(found)} attacks held", flush=True)
        through += [trial for trial in found if not trial.held]
    for trial in through:
        print(f"GOT THROUGH: {trial.name}: {_line(trial.what)}", file=sys.stderr)
    return 1 if through else 0


def _program_ms(sandbox: Sandbox) -> float:
    """Wall milliseconds of the smallest program, from start to result."""
    started = time.perf_counter()
    for _ in range(PROGRAMS):
        sandbox.run("", ("1",))
    return (time.perf_counter() - started) / PROGRAMS * 1e3


def _line(text: str) -> str:
    """What an attack told comes from a program, or from a file that it has read."""
    plain = safe.line(text)
    return plain if len(plain) <= SHOWN else f"{plain[: SHOWN - 1]}…"
