"""From a table of the project file to a launch; installing only what is missing and was asked for."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.errors import ServerError
from pytest_llmeval.measure import managed
from pytest_llmeval.model import Endpoint, ManagedServer

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmeval.measure.server import Launch

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="servers are started on Linux and macOS only")


def launch(tmp_path: Path, url: str | None = None, **server: Any) -> Launch:
    described = ManagedServer(**{"command": ("serve", "--port={port}"), **server})
    return managed.launch_of(Endpoint(name="e", url=url, server=described), log=tmp_path / "e.log")


@pytest.mark.parametrize(
    ("url", "port", "expected", "root"),
    [
        ("http://127.0.0.1:8123/v1", None, "8123", "http://127.0.0.1:8123/v1"),
        ("http://localhost", None, "80", "http://localhost"),
        ("https://localhost", None, "443", "https://localhost"),
        (None, 8124, "8124", "http://127.0.0.1:8124"),
    ],
)
def test_the_port_is_the_urls_or_the_tables(tmp_path, url, port, expected, root):
    made = launch(tmp_path, url, port=port, env={"P": "a{port}b"}, ready="http://127.0.0.1:{port}/up")
    assert made.command == ("serve", f"--port={expected}")
    assert made.env == {"P": f"a{expected}b"}
    assert made.ready == f"http://127.0.0.1:{expected}/up"
    assert made.url == root


def test_a_free_port_is_chosen_anew_for_each_start(tmp_path):
    ports = {int(launch(tmp_path).command[1].partition("=")[2]) for _ in range(5)}
    assert len(ports) > 1
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", ports.pop()))


def test_the_rest_is_as_it_was_written(tmp_path):
    written = {
        "cwd": str(tmp_path), "ready_status": 204, "timeout_s": 7.0, "stop_signal": "SIGINT", "grace_s": 3.0,
        "install": "pip install it",
    }  # fmt: skip
    made = launch(tmp_path, **written, command=("serve", "{}", "{port"))
    assert {name: getattr(made, name) for name in written} == written
    assert made.command == ("serve", "{}", "{port"), "other braces are the command's own"
    assert (made.name, made.log) == ("e", tmp_path / "e.log")


# -- installing --------------------------------------------------------------------------------------------


def install(tmp_path: Path, how: str | None, program: str = "./serve") -> list[float]:
    waits: list[float] = []
    made = launch(tmp_path, command=(program, "{port}"), install=how, cwd=str(tmp_path))
    managed.install(made, log=tmp_path / "install.log", on_wait=waits.append)
    return waits


def test_what_is_missing_is_installed_and_what_is_there_is_not(tmp_path):
    how = "echo installing && touch serve && chmod +x serve && echo again >> times"
    assert install(tmp_path, how)
    assert (tmp_path / "install.log").read_text() == "installing\n"
    assert install(tmp_path, how) == []
    assert (tmp_path / "times").read_text() == "again\n"


def test_without_an_install_command_nothing_happens(tmp_path):
    assert install(tmp_path, None) == []


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("echo no network; exit 3", "its installation ended with status 3: echo no network"),
        ("echo done", "its installation ended with status 0, and './serve' is still not there: echo done"),
    ],
)
def test_an_installation_that_fails_shows_its_log(tmp_path, how, words):
    with pytest.raises(ServerError) as failed:
        install(tmp_path, how)
    assert words in str(failed.value)
    assert str(failed.value).endswith("no network" if "network" in how else "done")


def test_an_installation_ends_with_the_run(tmp_path):
    class RunEnded(Exception):
        pass

    def on_wait(_elapsed_s: float) -> None:
        raise RunEnded

    made = launch(tmp_path, command=("./serve", "{port}"), install="sleep 5; touch serve", cwd=str(tmp_path))
    with pytest.raises(RunEnded):
        managed.install(made, log=tmp_path / "install.log", on_wait=on_wait)
    assert not (tmp_path / "serve").exists()
