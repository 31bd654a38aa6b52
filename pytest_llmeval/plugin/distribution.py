"""pytest-xdist: what the controller sends its workers and what it hears from them.

Registered only where xdist is installed; pytest would refuse its hooks otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import context

if TYPE_CHECKING:
    import pytest
    from xdist.remote import Producer
    from xdist.scheduler import Scheduling
    from xdist.workermanage import WorkerController


def pytest_configure_node(node: WorkerController) -> None:
    """Send settings with their secrets, the run's identity and the desk's address: all that is resolved."""
    here = context.of(node.config)
    if not here.asked:
        return
    here.has_far_workers |= not node.gateway.spec.popen
    from pytest_llmeval import wire

    node.workerinput["llmeval"] = {
        "asked": True,
        "started_unix": here.started_unix,
        "began_unix": here.began_unix,
        "run_id": here.run_id,
        "settings": wire.plain(here.settings),
        "desk": here.desk_server.address,
        "finished": here.finished,
        **({"durations_s": here.durations_s} if here.settings.shard else {}),
    }


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """The cells of an exclusive group on one worker, everything else as ``--dist=load`` does.

    Otherwise workers would wait for each other's servers. A user's own choice of ``--dist`` is kept.
    """
    here = context.of(config)
    if here.asked and here.settings.max_time_s is not None and config.getoption("maxschedchunk") is None:
        config.option.maxschedchunk = 1  # in order, as near as may be: what comes last may be cut off
    if config.getoption("dist") != "load" or not here.exclusive:
        return None
    from .scheduler import ExclusiveScheduling

    return ExclusiveScheduling(config, log, here.desk_server.scopes)


def pytest_xdist_node_collection_finished(node: WorkerController) -> None:
    """Before anything is scheduled: a resumed run is refused where a worker saw that something changed."""
    here = context.of(node.config)
    if here.recorder is not None and here.unfinished is not None:
        here.recorder.check_resumed(*here.desk_server.resumed)


def pytest_testnodedown(node: WorkerController, error: object) -> None:  # noqa: ARG001  xdist's signature
    """A worker that ended well says what it collected."""
    output: dict[str, Any] = getattr(node, "workeroutput", None) or {}
    if "llmeval" in output:
        context.of(node.config).view.merge(output["llmeval"])
