"""Exclusive groups: who needs which endpoint now, so that no two servers of a group are ever up at once.

Whoever asks for an endpoint of a group gives up what it held, and waits until nobody needs another one of
that group. Who waits holds nothing, so no two can wait for each other. Between its cells a holder is
*parked*: it may be about to come back, or idle for long (pytest-xdist keeps a worker's last test back until
others are almost done), so a parked lease counts for ``PATIENCE_S`` only.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from pytest_llmeval.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE_S = 3.0
"""A worker needs milliseconds from one cell to the next; a restart that this avoids takes seconds."""


class Lease(NamedTuple):
    """``parked_s``: since when, in ``time.monotonic``; None inside a cell."""

    endpoint: str
    parked_s: float | None = None


class Leases:
    """``groups``: endpoint -> its exclusive group. Endpoints without one are nobody's business."""

    def __init__(self, groups: Mapping[str, str]) -> None:
        self.groups = dict(groups)
        self._changed = threading.Condition()
        self._leases: dict[object, Lease] = {}
        self._is_closed = False

    def take(self, endpoint: str, holder: object) -> None:
        """Wait until the endpoint may be up, and keep it so. Raises ``EndpointError`` at the run's end."""
        if endpoint not in self.groups:
            return
        with self._changed:
            self._drop(holder)
            while not self._is_closed and (in_the_way := self._in_the_way(endpoint)):
                wait_s = self._patience_left_s(in_the_way)
                if wait_s is not None and wait_s <= 0:
                    for other in in_the_way:
                        self._drop(other)
                else:
                    self._changed.wait(wait_s)
            if self._is_closed:
                raise EndpointError("the run is over", where=endpoint)
            self._leases[holder] = Lease(endpoint)

    def park(self, holder: object) -> None:
        """The holder's cell is over; its next may follow."""
        with self._changed:
            if holder in self._leases:
                self._leases[holder] = self._leases[holder]._replace(parked_s=time.monotonic())
                self._changed.notify_all()

    def drop(self, holder: object) -> None:
        """The holder does not need what it held any more, or is gone."""
        with self._changed:
            self._drop(holder)

    def rivals(self, endpoint: str) -> tuple[str, ...]:
        """The other endpoints of its group."""
        group = self.groups.get(endpoint)
        return tuple(
            other
            for other, of in self.groups.items()
            if of == group and other != endpoint and group is not None
        )

    def close(self) -> None:
        """Send everybody away who waits."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _drop(self, holder: object) -> None:
        if self._leases.pop(holder, None) is not None:
            self._changed.notify_all()

    def _in_the_way(self, endpoint: str) -> list[object]:
        """The holders of the endpoint's rivals."""
        rivals = self.rivals(endpoint)
        return [holder for holder, lease in self._leases.items() if lease.endpoint in rivals]

    def _patience_left_s(self, holders: list[object]) -> float | None:
        """How long they may stay parked; None while one of them is inside a cell."""
        since = [self._leases[holder].parked_s for holder in holders]
        parked = [one for one in since if one is not None]
        if len(parked) < len(since):
            return None
        return max(parked) + PATIENCE_S - time.monotonic()
