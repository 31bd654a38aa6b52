"""pytest-xdist's schedule for what must stay together, or on this machine; imported where it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadScopeScheduling

from .elsewhere import is_elsewhere

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pytest
    from xdist.remote import Producer
    from xdist.workermanage import WorkerController


class TogetherScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist is untyped here
    """All tests of a scope go to one worker, in their order; every other test is on its own.

    ``scopes``: node id -> scope, filled by the workers before anything is scheduled. ``pinned``: scopes for
    the workers of this machine, which take them first.
    """

    def __init__(
        self, config: pytest.Config, log: Producer, scopes: Mapping[str, str], pinned: Collection[str] = ()
    ) -> None:
        super().__init__(config, log)
        self._scopes = scopes
        self._pinned = frozenset(pinned)

    def _split_scope(self, nodeid: str) -> str:
        """xdist's way to say what belongs together, as its own schedulers do."""
        return self._scopes.get(nodeid, nodeid)

    def add_node(self, node: WorkerController) -> None:
        """Those of this machine come first: xdist sends the last ones home where there are fewer scopes."""
        super().add_node(node)
        work: dict[WorkerController, object] = vars(self)["assigned_work"]
        for other in [one for one in work if is_elsewhere(one.gateway.spec)]:
            work[other] = work.pop(other)  # to the end

    def _assign_work_unit(self, node: WorkerController) -> None:
        """The next scope that the node may take; it goes home where there is none."""
        if is_elsewhere(node.gateway.spec):
            fitting = [scope for scope in self.workqueue if scope not in self._pinned]
        else:
            fitting = sorted(self.workqueue, key=lambda scope: scope not in self._pinned)
        if not fitting:
            node.shutdown()
            return
        self.workqueue.move_to_end(fitting[0], last=False)
        super()._assign_work_unit(node)

    def remove_node(self, node: WorkerController) -> str | None:
        """The test that a worker died in, which is not run again: xdist would kill the next one with it."""
        units: dict[str, dict[str, bool]] = self.assigned_work[node]
        running = [
            (unit, nodeid) for unit in units.values() for nodeid, is_done in unit.items() if not is_done
        ]
        for unit, nodeid in running[:1]:
            unit[nodeid] = True
        super().remove_node(node)
        return running[0][1] if running else None
