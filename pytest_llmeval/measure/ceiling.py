"""This client's own ceiling: how busy reading a batch kept it, and at how many tokens a second it would end.

One thread reads all streams of a process. Its CPU time over the wall time is the share of a core that it was
busy; at 1 it reads as fast as it can, and what is measured is itself. ``benchmarks/client_ceiling.py`` has
the error of TTFT beside the share. Short peaks within a batch show in the event loop's lag instead.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NEAR = 0.8
"""From this share on a batch is void."""
_LEAST = 0.25
"""Below this share most of the work is not the tokens', so it says nothing of many more."""


class Busy:
    """``share`` of a core, 0 to 1, that the calling thread took; None until the watched block has ended."""

    share: float | None = None


@contextmanager
def watch() -> Iterator[Busy]:
    """Watch this thread while the block runs."""
    busy = Busy()
    wall_s, cpu_s = time.perf_counter(), time.thread_time()
    try:
        yield busy
    finally:
        wall_s, cpu_s = time.perf_counter() - wall_s, time.thread_time() - cpu_s
        busy.share = min(1.0, cpu_s / wall_s) if wall_s > 0 else None


def tokens_per_second(tps: float | None, busy: float | None) -> float | None:
    """Where one process would end, by what ``tps`` cost it; None where it was hardly busy.

    Too low from afar: the busier it is, the more tokens a read has, and the less each costs.
    """
    return None if tps is None or busy is None or busy < _LEAST else tps / busy


def void(tps: float | None, busy: float | None) -> str | None:
    """Why the figures of a batch are the client's rather than the server's; None where they are not."""
    if busy is None or busy < NEAR:
        return None
    ceiling = tokens_per_second(tps, busy)
    ends = "" if ceiling is None else f": one process of it ends at about {ceiling:,.0f} tokens/s here"
    return f"the client itself was busy {busy:.0%} of the time{ends}"
