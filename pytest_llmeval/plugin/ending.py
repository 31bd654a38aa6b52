"""SIGTERM and SIGHUP end a run as Ctrl-C does: what there is is kept, servers are stopped."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""A container's stop, a CI job that is cancelled; a terminal that is closed."""


def _end(*_: object) -> None:
    """By whoever takes Ctrl-C now. A shell has its background jobs ignore that one, but not these."""
    if signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None):
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


@contextmanager
def as_ctrl_c() -> Iterator[None]:
    """For the length of the block, where nobody else has an opinion: a handler of one's own, or ``nohup``."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    taken = [number for number in _ENDS if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
