"""Signals that end a run as Ctrl-C does."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from pytest_llmeval.plugin import ending

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDS = pytest.mark.parametrize("number", ending._ENDS)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, *ending._ENDS)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@ENDS
@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN])
def test_it_is_an_interrupt_also_where_ctrl_c_is_ignored(number: int, handler: signal.Handlers) -> None:
    signal.signal(signal.SIGINT, handler)
    signal.signal(number, signal.SIG_DFL)
    with pytest.raises(KeyboardInterrupt), ending.as_ctrl_c():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is signal.SIG_DFL


@ENDS
def test_who_takes_ctrl_c_takes_it(number: int) -> None:
    taken: list[int] = []
    signal.signal(signal.SIGINT, lambda given, _: taken.append(given))
    signal.signal(number, signal.SIG_DFL)
    with ending.as_ctrl_c():
        os.kill(os.getpid(), number)
    assert taken == [signal.SIGINT]


@ENDS
def test_a_handler_of_ones_own_and_nohup_stay(number: int) -> None:
    signal.signal(number, signal.SIG_IGN)
    with ending.as_ctrl_c():
        os.kill(os.getpid(), number)
        assert signal.getsignal(number) is signal.SIG_IGN


def test_another_thread_sets_no_signals() -> None:
    before = signal.getsignal(signal.SIGTERM)

    def block() -> None:
        with ending.as_ctrl_c():
            assert signal.getsignal(signal.SIGTERM) is before

    thread = threading.Thread(target=block)
    thread.start()
    thread.join()
