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

    @property
    def is_over(self) -> bool:
        """Whether the limit was over when it was looked last."""
        return self._now >= self._deadline

    def look(self, selector: selectors.BaseSelector, wait_s: float = _LOOK_S) -> bool:
        """Whether there is something to read within ``wait_s`` and the limit."""
        wait_s = min(wait_s, max(0.0, self._deadline - self._now))
        found = selector.select(wait_s)
        before, self._now = self._now, time.monotonic()
        late_s = self._now - before - wait_s
        if late_s > _STOPPED_S:
            self._deadline += late_s
        return bool(found)

    def wait(self, selector: selectors.BaseSelector) -> bool:
        """Whether there is something to read before the limit is over."""
        while not self.is_over:
            if self.look(selector):
                return True
        return False
