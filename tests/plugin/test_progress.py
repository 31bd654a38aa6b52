"""Progress: it counts what arrives, draws on a terminal and wipes it, and is silent everywhere else."""

from __future__ import annotations

import os
import pty
import re
import select
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval import evaluate
from pytest_llmeval.model import Parameters, Scenario
from pytest_llmeval.plugin import progress
from pytest_llmeval.plugin.progress import RESTORE_AND_WIPE, SAVE, Progress, Shown

if TYPE_CHECKING:
    from collections.abc import Iterator

CELL = evaluate.Cell(
    endpoint="box",
    scenario=Scenario(suite="s", id="add", prompt={"ko": "?"}),
    language="ko",
    parameters=Parameters(),
)
S = 1_000_000_000


# -- counting ----------------------------------------------------------------------------------------------


def token(text: str = "x", name: str = "content") -> bytes:
    return f'data: {{"choices": [{{"delta": {{"{name}": "{text}"}}}}]}}\n\n'.encode()


def test_events_that_carry_text_are_counted() -> None:
    shown = Shown(1)
    assert str(shown) == "waiting"
    assert shown.on_read(1 * S, token("") + b'data: {"role": "assistant", "content": null}\n\n') is False
    assert str(shown) == "waiting"
    assert shown.on_read(2 * S, token()) is False
    assert str(shown) == "1 tokens"
    shown.on_read(3 * S, token() * 3 + token("y", "reasoning_content"))
    assert str(shown) == "5 tokens 4.0 tok/s"
    shown.on_read(4 * S, b"data: [DONE]\n\n")
    assert str(shown) == "5 tokens 4.0 tok/s", "the rate is that of the text"


@pytest.mark.parametrize("name", ["content", "reasoning", "reasoning_content", "text"])
@pytest.mark.parametrize("colon", [":", ": "])
def test_every_field_of_text_counts(name: str, colon: str) -> None:
    shown = Shown(1)
    shown.on_read(S, f'{{"{name}"{colon}"a"}}'.encode())
    shown.on_read(S, f'{{"{name}"{colon}""}}'.encode())
    assert shown.tokens == 1


def test_a_round_starts_at_nothing() -> None:
    shown = Shown(3)
    read = shown.on_round(0)
    read(S, token())
    assert str(shown) == "1 tokens, round 1/3"
    shown.on_round(1)
    assert str(shown) == "waiting, round 2/3"


@given(st.lists(st.binary(max_size=200)))
def test_whatever_arrives_is_not_stopped(reads: list[bytes]) -> None:
    shown = Shown(1)
    assert {shown.on_read(number * S, read) for number, read in enumerate(reads)} <= {False}
    assert str(shown)


# -- drawing -----------------------------------------------------------------------------------------------


class Terminal:
    """A pseudo-terminal. What is written arrives in pieces, a moment later."""

    def __init__(self) -> None:
        self.controller, self.descriptor = pty.openpty()

    def read(self) -> str:
        """The next piece, waiting for it."""
        assert select.select([self.controller], [], [], 10.0)[0], "nothing was drawn"
        return os.read(self.controller, 1 << 16).decode()

    def rest(self) -> str:
        """All until nothing comes any more."""
        pieces = []
        while select.select([self.controller], [], [], 0.2)[0]:
            pieces.append(self.read())
        return "".join(pieces)

    def close(self) -> None:
        for descriptor in (self.controller, self.descriptor):
            os.close(descriptor)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setattr(progress, "EVERY_S", 0.02)
    one = Terminal()
    yield one
    one.close()


def test_a_cell_is_drawn_and_wiped(terminal: Terminal) -> None:
    with Progress(terminal.descriptor).cell(CELL) as shown:
        shown.on_round(1)(S, token())
        said = terminal.read()  # perhaps drawn before the token came
        said += terminal.read()
    said += terminal.rest()
    assert re.search(r"1 tokens, round 2/3, \d s: add\[box-ko\]", said)
    assert said.startswith(SAVE)
    assert said.endswith(RESTORE_AND_WIPE), "nothing is left of it when pytest writes on"
    assert said.count(SAVE) == said.count(RESTORE_AND_WIPE) > 0
    assert "\n" not in said


def test_a_short_cell_is_not_drawn(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 5.0)
    with Progress(terminal.descriptor).cell(CELL):
        pass
    assert terminal.rest() == ""


def test_it_is_wiped_after_an_error_too(terminal: Terminal) -> None:
    with pytest.raises(ZeroDivisionError), Progress(terminal.descriptor).cell(CELL):  # noqa: PT012
        terminal.read()
        raise ZeroDivisionError
    assert terminal.rest().endswith(RESTORE_AND_WIPE)


def test_a_terminal_that_went_away_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.01)
    reader, writer = os.pipe()
    os.close(reader)
    with Progress(writer).cell(CELL) as shown:
        time.sleep(0.1)
    os.close(writer)
    assert str(shown) == "waiting, round 1/3"


def test_nobodys_progress_counts_and_writes_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with Progress(None).cell(CELL) as shown:
        shown.on_round(0)(S, token())
    assert shown.tokens == 1
    assert capfd.readouterr() == ("", "")


# -- where it is shown -------------------------------------------------------------------------------------


def config(verbose: int = 0) -> Any:
    return SimpleNamespace(option=SimpleNamespace(verbose=verbose), stash=pytest.Stash())


@pytest.fixture
def on_terminal(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    with open(terminal.descriptor, "w", closefd=False) as stdout:
        monkeypatch.setattr(sys, "__stdout__", stdout)
        yield terminal


def test_on_a_terminal_it_is_shown(on_terminal: Terminal) -> None:
    one = config()
    progress.remember_terminal(one)
    shown = progress.on(one, quiet=False).descriptor
    assert shown is not None
    assert os.isatty(shown)
    assert shown != on_terminal.descriptor, "a duplicate: pytest's capture redirects the other"
    progress.forget_terminal(one)
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(shown)
    progress.forget_terminal(one)


@pytest.mark.parametrize(("verbose", "quiet"), [(-1, False), (-2, False), (0, True), (1, True)])
def test_under_q_and_on_a_worker_it_is_not(on_terminal: Terminal, verbose: int, quiet: bool) -> None:
    one = config(verbose)
    progress.remember_terminal(one)
    assert progress.on(one, quiet=quiet).descriptor is None
    progress.forget_terminal(one)


def test_where_there_is_no_terminal_it_is_not(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "log.txt").open("w") as stdout:
        for place in (stdout, None):
            monkeypatch.setattr(sys, "__stdout__", place)
            one = config()
            progress.remember_terminal(one)
            assert progress.on(one, quiet=False).descriptor is None


def test_where_pytest_itself_has_no_terminal_it_is_not(on_terminal: Terminal) -> None:
    one: Any = SimpleNamespace(option=SimpleNamespace(), stash=pytest.Stash())
    progress.remember_terminal(one)
    assert progress.on(one, quiet=False).descriptor is None, "-p no:terminal"
    progress.forget_terminal(one)


def test_what_is_drawn_fits_one_line_of_any_width(terminal: Terminal) -> None:
    """Clipped at the screen's edge by the terminal: a wrapped line could not be wiped."""
    with Progress(terminal.descriptor).cell(CELL):
        said = terminal.read()
    said += terminal.rest()
    frames = re.findall(re.escape(SAVE) + r"(.*?)\x1b8", said, re.DOTALL)
    assert frames
    for frame in frames:
        assert frame.startswith(progress.NO_WRAP)
        assert frame.endswith(progress.WRAP)
