"""pytest-xdist's schedule for exclusive groups; imported only where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest
    from xdist.remote import Producer


class ExclusiveScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist is untyped here
    """All tests of a group go to one worker, in their order; every other test is on its own.

    ``scopes``: node id -> group, filled by the workers before anything is scheduled.
    """

    def __init__(self, config: pytest.Config, log: Producer, scopes: Mapping[str, str]) -> None:
        super().__init__(config, log)
        self._scopes = scopes

    def _split_scope(self, nodeid: str) -> str:
        """xdist's way to say what belongs together, as its own schedulers do."""
        group = self._scopes.get(nodeid)
        return f"exclusive group {group}" if group else nodeid
