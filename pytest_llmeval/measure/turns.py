"""One endpoint, one measurement at a time, across processes: two would measure each other.

Locks are the operating system's: a process that dies holding its turn frees it. Waiting is outside any clock.
"""

from __future__ import annotations

import asyncio
import random
import re
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

POLL_S = 0.02
"""How often a waiting process looks; the wait grows by up to half of it, so that none is always first."""


@asynccontextmanager
async def turn(folder: Path, name: str, *, slots: int = 1) -> AsyncIterator[int]:
    """Hold one of the endpoint's ``slots`` while the block runs; yields its number, from 0.

    ``folder`` is shared by all processes of a run and made if missing; it must lie on a local disk. Waits as
    long as it takes.
    """
    if slots < 1:
        raise ValueError(f"an endpoint needs at least one slot, not {slots}")
    locks = _locks(folder, name, slots)
    slot = await _acquire(locks)
    try:
        yield slot
    finally:
        locks[slot].release()


@asynccontextmanager
async def alone(folder: Path, name: str, *, slots: int = 1) -> AsyncIterator[None]:
    """Hold all of the endpoint's slots while the block runs: for what nobody else may meet."""
    async with AsyncExitStack() as held:
        await held.enter_async_context(
            turn(folder, f"{name}.alone")
        )  # two that gather slots would wait for ever
        for _ in range(slots):
            await held.enter_async_context(turn(folder, name, slots=slots))
        yield


@asynccontextmanager
async def turns(folder: Path, slots: Mapping[str, int], *, alone_there: bool = False) -> AsyncIterator[None]:
    """Hold a turn at each of several endpoints while the block runs; ``slots``: name -> how many it has.

    Everybody takes them in the order of their names, so no two wait for each other. ``alone_there``: as
    ``alone`` does, all slots of each.
    """
    wait = alone if alone_there else turn
    async with AsyncExitStack() as held:
        for name in sorted(slots):
            await held.enter_async_context(wait(folder, name, slots=slots[name]))
        yield


def _locks(folder: Path, name: str, slots: int) -> list[FileLock]:
    folder.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return [FileLock(folder / f"{stem}.{slot}.lock") for slot in range(slots)]


async def _acquire(locks: list[FileLock]) -> int:
    while True:
        for slot, lock in enumerate(locks):
            try:
                lock.acquire(blocking=False)
            except Timeout:
                continue
            return slot
        await asyncio.sleep(POLL_S * random.uniform(1, 1.5))
