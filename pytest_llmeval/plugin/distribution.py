"""pytest-xdist: what the controller sends its workers and what it hears from them.

Registered only where xdist is installed; pytest would refuse its hooks otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from . import context

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import Scheduling
    from xdist.workermanage import WorkerController


@pytest.hookimpl(tryfirst=True)  # below the plugin's own line: pytest prints the last first
def pytest_report_header(config: pytest.Config) -> str | None:
    """Say so where there are more workers than cells may be measured at once."""
    here = context.of(config)
    if not here.asked or here.is_worker or not here.settings.candidates:
        return None
    from . import slots

    return slots.warning(here.settings, config.getoption("tx"))


def pytest_configure_node(node: WorkerController) -> None:
    """Send all that is resolved, settings with their secrets too, and a channel to the desk."""
    here = context.of(node.config)
    if not here.asked:
        return
    if node.config.getoption("dist") == "each":
        raise pytest.UsageError(
            "--dist=each would ask every cell in every worker: choose another --dist; what a server gives to "
            "several at once is measured by a scenario with `load`"
        )
    from pytest_llmeval import wire

    from . import elsewhere

    specs = node.nodemanager.specs
    here.is_spread = any(map(elsewhere.is_elsewhere, specs))
    if here.is_spread:
        reruns = node.config.pluginmanager.hasplugin("rerunfailures")
        elsewhere.refuse_impossible(here.settings, specs, reruns=reruns)
    channel = node.gateway.newchannel()
    here.desk_server.serve(channel)
    node.workerinput["llmeval"] = {
        "asked": True,
        "started_unix": here.started_unix,
        "began_unix": here.began_unix,
        "run_id": here.run_id,
        "settings": wire.plain(here.settings),
        "desk": channel,
        "spread": here.is_spread,
        "elsewhere": elsewhere.is_elsewhere(node.gateway.spec),
        "finished": here.finished,
        **({"durations_s": here.durations_s} if here.settings.shard else {}),
    }


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """The cells of an exclusive group on one worker, everything else as ``--dist=load`` does.

    Otherwise workers would wait for each other's servers. With workers elsewhere those of every endpoint stay
    together, on this machine where only it can ask. A user's own choice of ``--dist`` is kept.
    """
    here = context.of(config)
    if here.asked and here.settings.max_time_s is not None and config.getoption("maxschedchunk") is None:
        config.option.maxschedchunk = 1  # in order, as near as may be: what comes last may be cut off
    if config.getoption("dist") != "load" or not (here.exclusive or here.is_spread):
        return None
    from . import elsewhere, exclusive
    from .scheduler import TogetherScheduling

    kept = elsewhere.pinned(here.settings) if here.is_spread else []
    pinned = {scope for name in kept if (scope := exclusive.scope(here, name))}
    return TogetherScheduling(config, log, here.desk_server.scopes, pinned)


def pytest_xdist_node_collection_finished(node: WorkerController) -> None:
    """Before anything is scheduled: refuse workers elsewhere that would not ask the same, and a resumed run
    where a worker saw that something changed.
    """
    here = context.of(node.config)
    if here.is_spread:
        from . import elsewhere

        elsewhere.refuse_unlike(here.desk_server.collected)
    if here.recorder is not None and here.unfinished is not None:
        here.recorder.check_resumed(*here.desk_server.resumed)


def pytest_testnodedown(node: WorkerController, error: object) -> None:  # noqa: ARG001  xdist's signature
    """A worker that ended well says what it collected."""
    output: dict[str, Any] = getattr(node, "workeroutput", None) or {}
    if "llmeval" in output:
        context.of(node.config).view.merge(output["llmeval"])
