"""One page over one connection: kept alive, bounded, and honest about who failed for good."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from pytest_llmeval.errors import TelemetryError
from pytest_llmeval.measure.telemetry import page as page_module
from pytest_llmeval.measure.telemetry.page import Page


def test_many_requests_share_one_connection(pages) -> None:
    pages.respond = lambda path: (200, b"x" * 100_000)
    page = Page(pages.url)
    for _ in range(5):
        assert len(page.get()) == 100_000
    assert pages.connections == 1
    page.close()


def test_idle_connections_are_not_trusted(pages, monkeypatch) -> None:
    monkeypatch.setattr(page_module, "_MAX_IDLE_S", 0.0)
    page = Page(pages.url)
    page.get()
    page.get()
    page.close()
    assert pages.connections == 2


def test_a_connection_that_the_server_closed_meanwhile_costs_no_reading(pages) -> None:
    pages.close_after_answer = True  # without saying so
    pages.respond = lambda path: (200, b"hello")
    page = Page(pages.url)
    for _ in range(3):
        assert page.get() == b"hello"
        time.sleep(0.05)
    page.close()


def test_query_and_key(pages) -> None:
    page = Page(f"{pages.url}/metrics?own=1", query="name[]=a", api_key="secret")
    page.get()
    page.close()
    assert pages.paths == ["/metrics?own=1&name[]=a"]
    assert pages.headers[0]["authorization"] == "Bearer secret"


@pytest.mark.parametrize("status", [301, 401, 403, 404, 501])
def test_what_will_not_change(pages, status: int) -> None:
    pages.respond = lambda path: (status, b"no")
    page = Page(f"{pages.url}/metrics", api_key="secret")
    with pytest.raises(TelemetryError, match=f"/metrics answers HTTP {status}") as raised:
        page.get()
    page.close()
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass(pages, status: int) -> None:
    pages.respond = lambda path: (status, b"wait")
    page = Page(pages.url)
    with pytest.raises(OSError, match=f"HTTP {status}"):
        page.get()
    pages.respond = lambda path: (200, b"here")
    assert page.get() == b"here"
    page.close()


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        page = Page(f"http://127.0.0.1:{taken.getsockname()[1]}/metrics")
        with pytest.raises(OSError, match=r"/metrics: .*refused"):
            page.get()
        page.close()


def raw(answer: bytes, *, pause_s: float = 0.0, pieces: int = 1) -> str:
    """A server of one raw answer, in pieces with a pause after each."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, listener:
            connection.recv(65536)
            size = -(-len(answer) // pieces)
            for at in range(0, len(answer), size):
                try:
                    connection.sendall(answer[at : at + size])
                except OSError:
                    return
                time.sleep(pause_s)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


def test_not_http() -> None:
    page = Page(raw(b"SSH-2.0-hello\r\n"))
    with pytest.raises(OSError, match=r"127\.0\.0\.1"):
        page.get()


def test_an_answer_that_stays_away(monkeypatch) -> None:
    monkeypatch.setattr(page_module, "TIMEOUT_S", 0.05)
    page = Page(raw(b"H", pause_s=0.5))
    started = time.perf_counter()
    with pytest.raises(OSError, match="timed out"):
        page.get()
    assert time.perf_counter() - started < 0.4


def test_an_answer_that_drips(monkeypatch) -> None:
    monkeypatch.setattr(page_module, "TIMEOUT_S", 0.1)
    page = Page(
        raw(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" + b"x" * 5000, pieces=50, pause_s=0.02)
    )
    with pytest.raises(OSError, match="timed out"):
        page.get()


def test_an_answer_without_end(monkeypatch) -> None:
    monkeypatch.setattr(page_module, "MAX_BYTES", 100_000)
    page = Page(raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000))
    with pytest.raises(TelemetryError, match="larger than 100,000 bytes"):
        page.get()


def test_an_answer_that_is_cut() -> None:
    page = Page(raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc"))
    with pytest.raises(OSError, match="cut 97 bytes before its end"):
        page.get()
