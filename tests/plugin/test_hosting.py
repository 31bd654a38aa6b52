"""A server of the run's own: what it is started with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.measure import engine
from pytest_llmeval.model import Endpoint, ManagedServer
from pytest_llmeval.plugin.hosting import Host, environment
from pytest_llmeval.secret import Blotter

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("asked", "given"), [(None, engine.CONTEXT_WINDOW), (32768, 32768)])
def test_the_engine_gets_the_window_and_the_streams_of_its_endpoint(
    asked: int | None, given: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: dict[str, Any] = {}

    class Started(Exception):
        pass

    def start(model: Any, **options: Any) -> None:
        got.update(options)
        raise Started

    monkeypatch.setattr(engine, "start", start)
    endpoint = Endpoint(name="box", kind="local", model="smollm2", context_window=asked, concurrency=3)
    host = Host(endpoint, folder=tmp_path, installs=False, on_wait=lambda *_: None, blotter=Blotter(()))
    with pytest.raises(Started):
        host.start()
    assert (got["context_window"], got["parallel"]) == (given, 3)


def test_pytests_own_variables_are_those_of_its_own_servers_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """``CUDA_VISIBLE_DEVICES`` of this shell says nothing of a server that somebody else started."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert environment(Endpoint(url="http://127.0.0.1:8000")) == {}
    own = ManagedServer(command=("serve",), env={"CUDA_VISIBLE_DEVICES": "2"})
    assert environment(Endpoint(server=own))["CUDA_VISIBLE_DEVICES"] == "2"
    assert environment(Endpoint(kind="local"))["CUDA_VISIBLE_DEVICES"] == "1"
