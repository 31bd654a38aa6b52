"""What a person sees while a cell runs: tokens so far and tokens per second, at the end of pytest's own line.

Written past pytest's capture to a duplicate of the terminal's descriptor, by a thread of its own (never by
who reads the socket), and wiped before pytest writes on. Silent under ``-q``, on workers and where
there is no terminal.
"""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmeval.evaluate import Cell
    from pytest_llmeval.measure.endpoints.protocol import OnRead

EVERY_S = 0.25
SAVE, RESTORE_AND_WIPE = "\0337", "\0338\033[K"
NO_WRAP, WRAP = "\033[?7l", "\033[?7h"
"""What is too long is clipped at the screen's edge: a wrapped line could not be wiped."""
EVENT = re.compile(rb'"(?:content|reasoning|reasoning_content|text)": ?"(?!")')
"""One token event in a read: progress counts, it does not parse."""


class Shown:
    """The counters of one cell."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.round = 0
        self.tokens = 0
        self.first_ns: int | None = None
        self.last_ns = 0

    def on_round(self, number: int) -> OnRead:
        """Start a round's count."""
        self.round, self.tokens, self.first_ns = number, 0, None
        return self.on_read

    def on_read(self, stamp_ns: int, read: bytes) -> bool:
        """Count the events of a read; never ends the stream."""
        events = len(EVENT.findall(read))
        if events:
            self.first_ns = self.first_ns or stamp_ns
            self.last_ns = stamp_ns
            self.tokens += events
        return False

    def __str__(self) -> str:
        of = f", round {self.round + 1}/{self.rounds}" if self.rounds > 1 else ""
        if self.first_ns is None:
            return f"waiting{of}"
        elapsed_s = (self.last_ns - self.first_ns) / 1e9
        rate = f" {(self.tokens - 1) / elapsed_s:.1f} tok/s" if elapsed_s > 0 else ""
        return f"{self.tokens} tokens{rate}{of}"


class Progress:
    """The terminal's, or nobody's (``descriptor`` None)."""

    def __init__(self, descriptor: int | None) -> None:
        self.descriptor = descriptor

    @contextmanager
    def cell(self, cell: Cell) -> Iterator[Shown]:
        """Show a cell's progress while the block runs."""
        shown = Shown(cell.rounds)
        if self.descriptor is None:
            yield shown
            return
        label = f"{cell.scenario.id}[{cell.endpoint}-{cell.language}]"
        done = Event()
        thread = Thread(target=self._draw, args=(label, shown, done), daemon=True)
        thread.start()
        try:
            yield shown
        finally:
            done.set()
            thread.join()

    def _draw(self, label: str, shown: Shown, done: Event) -> None:
        started = time.monotonic()
        drawn = False
        while not done.wait(EVERY_S):
            text = f" {shown}, {time.monotonic() - started:.0f} s: {label}"
            self._write(f"{RESTORE_AND_WIPE if drawn else ''}{SAVE}{NO_WRAP}{text}{WRAP}")
            drawn = True
        if drawn:
            self._write(RESTORE_AND_WIPE)

    def _write(self, text: str) -> None:
        assert self.descriptor is not None
        with suppress(OSError):  # a terminal that went away must not end the run
            os.write(self.descriptor, text.encode())


def on(config: pytest.Config, *, quiet: bool) -> Progress:
    """The progress of this process; decided once, before pytest captures output again."""
    if quiet or getattr(config.option, "verbose", -1) < 0:  # not there under -p no:terminal
        return Progress(None)
    return Progress(config.stash.get(TERMINAL, None))


TERMINAL = pytest.StashKey[int]()
"""A duplicate of the terminal's descriptor, made while pytest does not capture."""


def remember_terminal(config: pytest.Config) -> None:
    """Duplicate stdout's descriptor where it is a terminal. To be called before capturing starts."""
    if sys.__stdout__ is not None and sys.__stdout__.isatty():
        config.stash[TERMINAL] = os.dup(sys.__stdout__.fileno())


def forget_terminal(config: pytest.Config) -> None:
    """Close the duplicate."""
    if TERMINAL in config.stash:
        os.close(config.stash[TERMINAL])
        del config.stash[TERMINAL]
