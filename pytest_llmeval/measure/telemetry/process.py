"""Memory of processes on this machine, from ``/proc`` (Linux): of a server of ours, and of this client.

Resident memory: pages that processes share count for each, and so do mapped weights once they were read.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmeval.errors import TelemetryError

if TYPE_CHECKING:
    from .protocol import Reading

PROC = Path("/proc")
NO_PROC = "process memory is read from /proc, which this system does not have"
RESCAN_S = 10.0
"""Looking through all processes takes 20 us each; members join rarely, and one that left is noticed."""


class Group:
    """A process group as a source: the server that leads it and everything that it started."""

    name = "process"
    interval_s = 0.5
    settle_s = 0.0

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self._members: tuple[int, ...] = ()
        self._scanned = -RESCAN_S

    def read(self) -> Reading:
        """See ``Source``."""
        known = self._resident()
        if len(known) < len(self._members) or time.monotonic() - self._scanned > RESCAN_S:
            self._members = members(self._leader)
            self._scanned = time.monotonic()
            known = self._resident()
        if not known:
            raise OSError(f"no process is left of the group {self._leader}")
        figures = {"process_memory_bytes": float(sum(known))}
        return lambda: figures

    def _resident(self) -> list[int]:
        sizes = (resident_bytes(pid) for pid in self._members)
        return [size for size in sizes if size is not None]

    def close(self) -> None:
        """See ``Source``: there is nothing to let go of."""


class Client:
    """This process as a source: whether the client is what is slow."""

    name = "client"
    interval_s = 0.5
    settle_s = 0.0

    def read(self) -> Reading:
        """See ``Source``."""
        figures = {"client_cpu_s_total": time.process_time()}
        if (size := resident_bytes(os.getpid())) is not None:
            figures["client_memory_bytes"] = float(size)
        return lambda: figures

    def close(self) -> None:
        """See ``Source``: there is nothing to let go of."""


def members(group: int) -> tuple[int, ...]:
    """The processes of a group, zombies left out. Raises ``TelemetryError`` without ``/proc``."""
    try:
        pids = [int(name) for name in os.listdir(PROC) if name.isdecimal()]  # noqa: PTH208 - names are enough
    except OSError:
        raise TelemetryError(NO_PROC) from None
    if not pids:
        raise TelemetryError(NO_PROC)
    return tuple(pid for pid in pids if _group_of(pid) == group)


def _group_of(pid: int) -> int | None:
    try:
        stat = (PROC / str(pid) / "stat").read_bytes()
    except OSError:  # it ended meanwhile
        return None
    state, _, group = stat.rpartition(b")")[2].split()[:3]  # a command's name may hold anything
    return None if state == b"Z" else int(group)


def resident_bytes(pid: int) -> int | None:
    """None where the process is gone, or not ours to see."""
    try:
        pages = (PROC / str(pid) / "statm").read_bytes().split()[1]
    except (OSError, IndexError):
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE") or None  # a zombie has no pages
