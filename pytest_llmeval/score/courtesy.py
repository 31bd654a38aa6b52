"""Scoring gives way to measuring: its processes take a core only from each other, not from a stream.

Another worker may measure on this machine meanwhile; ``benchmarks/neighbour_cost.py`` says what it loses.
"""

from __future__ import annotations

import os
from contextlib import suppress

NICE = 10
"""A tenth of what a process of normal priority gets of a core that both want: late, but in its limits."""


def give_way(leader: int) -> None:
    """Lower the priority of a session's leader and of what it started; nothing happens where that can't be.

    Linux with autogroups shares cores out among sessions first, so the session's own priority counts too.
    """
    with suppress(OSError, AttributeError):  # it has ended; Windows has no priorities of this kind
        os.setpriority(os.PRIO_PGRP, leader, max(NICE, os.getpriority(os.PRIO_PROCESS, leader)))
    with suppress(OSError), open(f"/proc/{leader}/autogroup", "w", encoding="ascii") as group:  # noqa: PTH123
        group.write(str(NICE))
