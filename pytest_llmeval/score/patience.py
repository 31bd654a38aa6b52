"""A limit in wall seconds that does not run out while this process itself stands still.

A laptop's lid, ``SIGSTOP``, a container that is frozen: whoever is waited for stood still too, or has long
told its result, and neither is the answer's fault.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import selectors

_LOOK_S = 0.25
_STOPPED_S = 0.5
"""A wait that took so much longer than it was to take was no wait."""


class Patience:
    """From now on, for everything that is waited for."""

    def __init__(self, seconds: float) -> None:
        self._now = time.monotonic()
        self._deadline = self._now + seconds

    def wait(self, selector: selectors.BaseSelector) -> bool:
        """Whether there is something to read before the limit is over."""
        while (left_s := self._deadline - self._now) > 0:
            wait_s = min(_LOOK_S, left_s)
            found = selector.select(wait_s)
            before, self._now = self._now, time.monotonic()
            late_s = self._now - before - wait_s
            if late_s > _STOPPED_S:
                self._deadline += late_s
            if found:
                return True
        return False
