"""Cells -> the shards of a run, each for a machine or a job of its own. Pure.

Every shard's process must come to the same split by itself, so it depends on nothing but the cells and on
durations that all of them know.
"""

from __future__ import annotations

import heapq
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def read(text: str) -> tuple[int, int]:
    """``2/5`` -> number 2 of 5; as ``values.shard_kind`` accepts it."""
    number, _, of = text.partition("/")
    return int(number), int(of)


def split(names: Iterable[str], durations_s: Mapping[str, float], of: int) -> dict[str, int]:
    """Name -> number of its shard, from 1.

    The longest first, each to the shard that has least so far, so that no shard takes longer than another by
    more than one cell. What has no duration counts as a middling one; without any, shards differ by one cell.
    """
    names = tuple(names)
    known = {name: durations_s[name] for name in names if name in durations_s}
    middling_s = median(known.values()) if known else 1.0
    longest_first = sorted(names, key=lambda name: (-known.get(name, middling_s), name))
    shards = [(0.0, number) for number in range(1, of + 1)]
    found = {}
    for name in longest_first:
        so_far_s, number = heapq.heappop(shards)
        found[name] = number
        heapq.heappush(shards, (so_far_s + known.get(name, middling_s), number))
    return found
