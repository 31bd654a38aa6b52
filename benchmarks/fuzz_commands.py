"""What ``llmeval`` makes of run files and baselines that almost fit: an answer, or one sentence of refusal.

Each example is one command in a project of two runs and a baseline. What a command wrote can be read again.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock

from fuzz_mutations import altered, document

from pytest_llmeval import cli, runfile
from pytest_llmeval.errors import BaselineError
from pytest_llmeval.judge import baselines
from pytest_llmeval.judge.sessions import Baseline
from pytest_llmeval.model import Run

if TYPE_CHECKING:
    from random import Random

RUN, BASELINE = altered(document("run", Run)), altered(document("baseline", Baseline))
COMMANDS = (
    "judge one.json",
    "judge --fail-inconclusive one.json",
    "judge one.json two.json",
    "merge one.json two.json -o out.json",
    "compare one.json",
    "compare --markdown one.json two.json",
    "comment --print one.json",
    "report one.json",
    "report one.json two.json",
    "fit --layers=2 --kv-heads=2 --head-dim=64 --weights=1GiB --context=2048 --run=one.json",
    "baseline show",
    "baseline update --run=one.json",
    "baseline update --force --run=one.json",
    "baseline accept --run=one.json a",
    "baseline prune --run=one.json a",
)
_SHOWN = {"\n", "\u200b"}
"""What a command may print though no sign is seen: in Markdown names are parted by the second."""


class Case(NamedTuple):
    """A command, what its files hold, and the language in which it tells."""

    command: str
    language: str
    one: bytes
    two: bytes
    baseline: bytes


def make(chance: Random) -> Case:
    """One example."""
    return Case(
        chance.choice(COMMANDS), chance.choice(("en", "ko")), RUN(chance), RUN(chance), BASELINE(chance)
    )


def check(case: Case) -> None:
    """It ends in an exit code of its own, prints nothing but text, and what it wrote can be read."""
    with tempfile.TemporaryDirectory(prefix="llmeval-fuzz-") as name, contextlib.chdir(name):
        folder = Path(name)
        (folder / ".llmeval").mkdir()
        (folder / "baselines").mkdir()
        (folder / "one.json").write_bytes(case.one)
        (folder / "two.json").write_bytes(case.two)
        (folder / "baselines" / "a.json").write_bytes(case.baseline)
        was_read = _is_read(folder / "baselines")
        code, said = _run([f"--report-language={case.language}", *case.command.split()])
        assert code in (0, 1, 2), code
        strange = {sign for sign in said if not sign.isprintable()} - _SHOWN
        assert not strange, f"{strange} in {said}"
        said.encode()
        if (folder / "out.json").exists():
            runfile.load(folder / "out.json")
        assert _is_read(folder / "baselines") == was_read


def _is_read(folder: Path) -> bool:
    try:
        baselines.load_all(folder)
    except BaselineError:
        return False
    return True


def _run(arguments: list[str]) -> tuple[int, str]:
    """Exit code, and what it printed."""
    said = io.StringIO()
    theirs = ("LLMEVAL_", "GITHUB_", "FORCE_COLOR")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    with (
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
        mock.patch.dict(os.environ, environ, clear=True),
    ):
        code = cli.main(arguments)
    return code, said.getvalue()
