"""How long this machine has slept: a closed lid stops the clock of all stamps, so that no gap shows it.

A server elsewhere sends on meanwhile, and what it sent is read in one go afterwards: too fast to be true.
"""

from __future__ import annotations

import time

LEAST_NS = 100_000_000
"""Two clocks are not read at one moment; no sleep is shorter."""


def so_far_ns() -> int:
    """Since the machine was started, as a figure to be subtracted from a later one.

    Linux: ``CLOCK_BOOTTIME`` goes on in a sleep, ``CLOCK_MONOTONIC``, which is ``time.perf_counter``, does
    not; macOS: ``CLOCK_MONOTONIC`` and ``CLOCK_UPTIME_RAW`` likewise. Elsewhere 0: there the stamps go on.
    """
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    if hasattr(time, "CLOCK_UPTIME_RAW"):
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC) - time.clock_gettime_ns(time.CLOCK_UPTIME_RAW)
    return 0
