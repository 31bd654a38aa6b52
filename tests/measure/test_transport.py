"""The measuring transport against real sockets: what it reads and stamps, and every way it can go wrong."""

from __future__ import annotations

import asyncio
import gc
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

import httpx
import mock_server
import pytest
import trustme
import uvloop

from pytest_llmeval.measure import asleep, stream, timing, transport
from pytest_llmeval.measure.connection import Connection
from pytest_llmeval.measure.received import Received
from pytest_llmeval.measure.tape import Tape
from pytest_llmeval.measure.transport import KEEP_ALIVE_S, MeasuringTransport

pytestmark = pytest.mark.alone
Run = Callable[[Awaitable[Any]], Any]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    factory = asyncio.new_event_loop if request.param == "asyncio" else uvloop.new_event_loop

    def run(main: Any) -> Any:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(asyncio.wait_for(main, 20))

    return run


@asynccontextmanager
async def client(**options: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=MeasuringTransport(**options), timeout=10) as opened:
        yield opened


def scripted(*pieces: bytes, pause_s: float = 0.01, hold: bool = False) -> Handler:
    """Answer every request of a connection with these pieces; ``hold`` keeps it open afterwards."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)
            if not hold:
                return

    return handle


async def get(url: str, tape: Tape | None = None, method: str = "GET", **options: Any) -> httpx.Response:
    async with client(**options) as opened:
        return await opened.request(method, url, extensions={"tape": tape} if tape else {})


async def ask(opened: httpx.AsyncClient, url: str, tape: Tape, **body: Any) -> httpx.Response:
    body = {"model": "mock", "stream": True, "messages": [{"role": "user", "content": "hi"}], **body}
    return await opened.post(f"{url}/v1/chat/completions", json=body, extensions={"tape": tape})


# -- what is read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        pytest.param([OK], b"ok", id="length"),
        pytest.param([OK[:20], OK[20:41], OK[41:]], b"ok", id="head in pieces"),
        pytest.param([b"HTTP/1.1 200 OK\r\n\r\n", b"a", b"b"], b"ab", id="ends with the connection"),
        pytest.param([b"HTTP/1.0 200 OK\r\n\r\nab"], b"ab", id="1.0"),
        pytest.param([b"HTTP/1.1 100 Continue\r\n\r\n", OK], b"ok", id="100 before"),
        pytest.param([b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK], b"ok", id="103 before"),
        pytest.param([b"HTTP/1.1 204 No Content\r\n\r\n"], b"", id="204"),
        pytest.param([b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n"], b"", id="304"),
        pytest.param(
            [
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r",
                b"\n3;x=y\r\ncde\r\n0\r\nt: v\r\n\r\n",
            ],
            b"abcde",
            id="chunked with extension and trailer",
        ),
    ],
)
def test_bodies(run: Run, pieces: list[bytes], body: bytes, serving: Any) -> None:
    async def main() -> None:
        async with serving(scripted(*pieces)) as url:
            tape = Tape()
            response = await get(url, tape)
            assert response.content == body
            assert b"".join(data for _, data in tape.reads) == body
            assert tape.transport == "measured"
            assert tape.called_ns <= tape.started_ns <= tape.ended_ns

    run(main())


def test_head_has_no_body_whatever_its_headers_say(run: Run, serving: Any) -> None:
    async def main() -> None:
        async with serving(scripted(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")) as url:
            assert (await get(url, method="HEAD")).content == b""

    run(main())


def test_headers_reach_both_sides(run: Run, serving: Any) -> None:
    seen: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        seen.append(await reader.readexactly(7))
        writer.write(b"HTTP/1.1 200 OK\r\nX-Case: Kept\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    async def main() -> None:
        async with serving(handle) as url, client() as opened:
            tape = Tape()
            response = await opened.post(f"{url}/a%20b?c=d", json={"a": 1}, extensions={"tape": tape})
            assert response.headers["x-case"] == tape.header("x-case") == "Kept"

    run(main())
    head = seen[0].decode().lower()
    assert head.startswith("post /a%20b?c=d http/1.1\r\nhost: 127.0.0.1:")
    assert "accept-encoding: identity" in head
    assert "gzip" not in head
    assert seen[1] == b'{"a":1}'


# -- what is stamped ---------------------------------------------------------------------------------------


def test_stamps_agree_with_the_servers_own(run: Run) -> None:
    async def main(url: str) -> None:
        async with client() as opened:
            errors_ms, lags_ms = [], []
            for _ in range(5):
                tape = Tape()
                await ask(opened, url, tape)
                assert tape.lag_s is not None
                lags_ms.append(tape.lag_s * 1e3)
                response = stream.assemble(Received(tape.reads, tape.started_ns, tape.ended_ns))
                sent = mock_server.log(url)[-1]
                assert len(response.chunks) == len(sent["sent_ns"])
                true_ttft_ns = sent["sent_ns"][0] - sent["received_ns"]
                ttft_s = timing.of(response).ttft_s
                assert ttft_s is not None
                errors_ms.append(ttft_s * 1e3 - true_ttft_ns / 1e6)
                late = [
                    chunk.at_ns - sent for chunk, sent in zip(response.chunks, sent["sent_ns"], strict=True)
                ]
                assert min(late) > 0
                errors_ms.append(sorted(late)[len(late) // 2] / 1e6)
            assert min(errors_ms) > 0
            assert median(errors_ms) < 3 + max(lags_ms)  # 0.1-0.3 ms on an idle machine

    with mock_server.running(tokens=50, gap_s=0.002, ttft_s=0.02) as url:
        run(main(url))


def test_a_connection_that_is_closed_at_once_has_no_descriptor(run: Run, serving: Any) -> None:
    async def main() -> None:
        async with serving(scripted()) as url:
            loop = asyncio.get_running_loop()
            address = httpx.URL(url)
            _, connection = await loop.create_connection(lambda: Connection(loop), address.host, address.port)
            connection.close()
            await connection.closed
            assert transport._number(connection) == -1

    run(main())


def test_on_read_sees_every_read_and_can_end_the_stream(run: Run) -> None:
    async def main(url: str) -> None:
        seen: list[bytes] = []

        def on_read(stamp_ns: int, data: bytes) -> bool:
            assert stamp_ns <= time.perf_counter_ns()
            seen.append(data)
            return len(seen) == 3

        async with client() as opened:
            tape = Tape(on_read=on_read)
            response = await ask(opened, url, tape)
            assert response.status_code == 200
            assert [data for _, data in tape.reads] == seen
            assert len(seen) == 3
            assert tape.stopped == "by caller"
            await asyncio.sleep(0.05)
            assert mock_server.log(url)[-1]["aborted"]

    with mock_server.running(tokens=200, gap_s=0.005, ttft_s=0.01) as url:
        run(main(url))


def test_what_on_read_raises_comes_out(run: Run, serving: Any) -> None:
    def on_read(stamp_ns: int, data: bytes) -> bool:
        raise ZeroDivisionError

    async def main() -> None:
        async with serving(scripted(OK)) as url:
            with pytest.raises(ZeroDivisionError):
                await get(url, Tape(on_read=on_read))

    run(main())


def test_too_long_an_answer_is_cut(run: Run) -> None:
    async def main(url: str) -> None:
        async with client() as opened:
            tape = Tape(max_bytes=2000)
            await ask(opened, url, tape)
            assert tape.stopped == "too long"
            assert 2000 < tape.size_bytes < 4000

    with mock_server.running(tokens=200, gap_s=0.001, ttft_s=0.0) as url:
        run(main(url))


def test_the_loops_lag_is_seen(run: Run) -> None:
    async def main(url: str) -> None:
        async with client() as opened:
            tape = Tape()
            asked = asyncio.ensure_future(ask(opened, url, tape))
            await asyncio.sleep(0.05)
            time.sleep(0.03)  # noqa: ASYNC251 (what is to be seen)
            await asked
            assert tape.lag_s is not None
            assert 0.02 < tape.lag_s < 1

    with mock_server.running(tokens=20, gap_s=0.005, ttft_s=0.01) as url:
        run(main(url))


def test_a_sleep_of_the_machine_is_seen_although_the_stamps_are_not(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour_ns = 3600 * 10**9
    monkeypatch.setattr(asleep, "so_far_ns", iter((hour_ns, 2 * hour_ns, 2 * hour_ns, 2 * hour_ns)).__next__)

    async def main(url: str) -> None:
        async with client() as opened:
            slept, awake = Tape(), Tape()
            await ask(opened, url, slept)
            await ask(opened, url, awake)
            assert slept.lag_s == 3600
            assert awake.lag_s is not None
            assert awake.lag_s < 60

    with mock_server.running(tokens=2, gap_s=0.001, ttft_s=0.0) as url:
        run(main(url))


def test_the_clocks_of_a_sleep_are_there_where_they_are_used() -> None:
    before = asleep.so_far_ns()
    assert asleep.so_far_ns() - before < asleep.LEAST_NS


def test_time_in_which_the_process_stood_still_is_no_servers_fault(run: Run) -> None:
    async def main(url: str) -> None:
        async with client() as opened:
            tape = Tape(total_s=0.8, between_reads_s=0.5)
            asked = asyncio.ensure_future(ask(opened, url, tape))
            await asyncio.sleep(0.2)
            time.sleep(1.5)  # noqa: ASYNC251 (as if it were stopped)
            await asked
            assert tape.lag_s is not None
            assert tape.lag_s > 1
            assert tape.lost_ns > 1e9

    with mock_server.running(tokens=40, gap_s=0.01, ttft_s=0.01) as url:
        run(main(url))


def test_no_collection_while_streams_run(run: Run, serving: Any) -> None:
    enabled: list[bool] = []

    def on_read(stamp_ns: int, data: bytes) -> bool:
        enabled.append(gc.isenabled())
        return False

    async def main() -> None:
        async with serving(scripted(OK)) as url:
            assert gc.isenabled()
            await asyncio.gather(get(url, Tape(on_read=on_read)), get(url, Tape(on_read=on_read)))
            assert gc.isenabled()

    run(main())
    assert enabled == [False, False]
    assert gc.get_freeze_count() == 0


# -- connections -------------------------------------------------------------------------------------------


def test_connections_are_used_again_until_they_could_be_closed(
    run: Run, monkeypatch: pytest.MonkeyPatch, serving: Any
) -> None:
    monkeypatch.setattr("pytest_llmeval.measure.transport.KEEP_ALIVE_S", 0.1)
    assert KEEP_ALIVE_S < 3

    async def main() -> None:
        async with serving(scripted(OK, hold=True)) as url, client() as opened:
            reused = []
            for pause_s in (0.0, 0.0, 0.2):
                await asyncio.sleep(pause_s)
                tape = Tape()
                await opened.get(url, extensions={"tape": tape})
                reused.append(tape.reused)
            assert reused == [False, True, False]

    run(main())


def test_a_connection_that_the_server_closed_is_replaced_once(run: Run) -> None:
    async def main(url: str) -> None:
        async with client() as opened:
            first, second = Tape(), Tape()
            await ask(opened, url, first)
            await ask(opened, url, second)
            assert (first.retries, second.retries, second.reused) == (0, 1, False)
            assert b"[DONE]" in second.reads[-1][1]
            assert second.started_ns > second.called_ns

    with mock_server.running(tokens=3, close_reused=True) as url:
        run(main(url))


def test_a_server_that_never_answers_is_asked_twice(run: Run) -> None:
    async def main(url: str) -> None:
        async with client() as opened:
            tape = Tape()
            with pytest.raises(httpx.RemoteProtocolError, match="twice without answering"):
                await ask(opened, url, tape)
            assert tape.retries == 1
        assert len(mock_server.log(url)) == 2

    with mock_server.running(close_after=0) as url:
        run(main(url))


def test_a_surplus_answer_is_not_taken_for_the_next_one(run: Run, serving: Any) -> None:
    async def main() -> None:
        bodies = []
        async with serving(scripted(OK + OK.replace(b"ok", b"no"), hold=True)) as url, client() as opened:
            for _ in range(3):
                tape = Tape()
                bodies.append((await opened.get(url, extensions={"tape": tape})).content)
                assert not tape.reused
        assert bodies == [b"ok"] * 3

    run(main())


def test_an_answer_that_comes_unasked_closes_an_idle_connection(run: Run, serving: Any) -> None:
    async def main() -> None:
        unasked = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"
        async with serving(scripted(OK, unasked, hold=True)) as url, client() as opened:
            for _ in range(2):
                tape = Tape()
                assert (await opened.get(url, extensions={"tape": tape})).content == b"ok"
                assert not tape.reused
                await asyncio.sleep(0.05)

    run(main())


def test_many_streams_at_once(run: Run) -> None:
    async def main(url: str) -> None:
        async with client() as opened:
            tapes = [Tape() for _ in range(20)]
            await asyncio.gather(*(ask(opened, url, tape) for tape in tapes))
            for tape in tapes:
                response = stream.assemble(Received(tape.reads, tape.started_ns, tape.ended_ns))
                assert response.failure is None
                assert response.text == "tok " * 30
        assert mock_server.control(url)["peak_streaming"] == 20

    with mock_server.running(tokens=30, gap_s=0.005) as url:
        run(main(url))


# -- going wrong -------------------------------------------------------------------------------------------


def test_cut_in_the_middle(run: Run) -> None:
    async def main(url: str) -> None:
        async with client() as opened:
            tape = Tape()
            with pytest.raises(httpx.RemoteProtocolError, match="in the middle of the answer"):
                await ask(opened, url, tape)
            assert tape.retries == 0
            response = stream.assemble(Received(tape.reads, tape.started_ns, tape.ended_ns))
            assert response.text == "tok " * 5

    with mock_server.running(close_after=5) as url:
        run(main(url))


@pytest.mark.parametrize(
    ("limits", "sentence", "reads"),
    [
        ({"total_s": 0.2}, r"not complete within 0\.2 s", True),
        ({"between_reads_s": 0.1}, r"paused for more than 0\.1 s", True),
        ({"first_read_s": 0.1}, None, True),
    ],
)
def test_limits_of_a_stream_that_stalls(run: Run, limits: Any, sentence: str | None, reads: bool) -> None:
    async def main(url: str) -> None:
        async with client() as opened:
            tape = Tape(**limits)
            if sentence is None:
                await ask(opened, url, tape)
            else:
                with pytest.raises(httpx.ReadTimeout, match=sentence):
                    await ask(opened, url, tape)
                assert 0.05 < (tape.ended_ns - tape.started_ns) / 1e9 < 2
            assert bool(tape.reads) == reads

    with mock_server.running(tokens=6, gap_s=0.01, ttft_s=0.01, stall_every=3, stall_s=0.5) as url:
        run(main(url))


def test_limit_of_the_first_read(run: Run, serving: Any) -> None:
    async def main() -> None:
        async with serving(scripted(b"HTTP/1.1 200 OK\r\n\r\n", b"", pause_s=1, hold=True)) as url:
            with pytest.raises(httpx.ReadTimeout, match=r"no answer within 0\.1 s"):
                await get(url, Tape(first_read_s=0.1))

    run(main())


def test_limit_of_connecting(run: Run, serving: Any) -> None:
    """A server that accepts and then says nothing to a TLS greeting."""

    async def main() -> None:
        async with serving(scripted(hold=True)) as url:
            with pytest.raises(httpx.ConnectTimeout, match=r"no connection within 0\.2 s"):
                await get(url.replace("http:", "https:"), Tape(connect_s=0.2, total_s=5))

    run(main())


def test_limits_of_httpx_hold_without_a_tape(run: Run, serving: Any) -> None:
    async def main() -> None:
        async with (
            serving(scripted(b"HTTP/1.1 200 OK\r\n\r\n", b"", pause_s=1, hold=True)) as url,
            client() as opened,
        ):
            with pytest.raises(httpx.ReadTimeout):
                await opened.get(url, timeout=0.1)

    run(main())


def test_nothing_listens(run: Run, serving: Any) -> None:
    async def main() -> None:
        async with serving(scripted(OK)) as url:
            pass
        with pytest.raises(httpx.ConnectError) as met:
            await get(url)
        assert str(met.value.request.url) == url

    run(main())


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.6\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b"HTTP/9 what\r\n\r\n"]
)
def test_not_http(run: Run, answer: bytes, serving: Any) -> None:
    async def main() -> None:
        async with serving(scripted(answer)) as url:
            with pytest.raises(httpx.RemoteProtocolError, match=r"not an HTTP/1\.1 answer"):
                await get(url)

    run(main())


def test_cancelling_closes_the_connection_and_keeps_the_tape(run: Run) -> None:
    async def main(url: str) -> None:
        async with client() as opened:
            tape = Tape()
            asked = asyncio.ensure_future(ask(opened, url, tape))
            await asyncio.sleep(0.15)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            assert tape.reads
            assert tape.ended_ns > tape.reads[-1][0]
            await asyncio.sleep(0.05)
            assert mock_server.log(url)[-1]["aborted"]
            again = Tape()
            await ask(opened, url, again, max_tokens=2)
            assert not again.reused

    with mock_server.running(tokens=200, gap_s=0.01) as url:
        run(main(url))


# -- TLS ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def test_tls(run: Run, authority: trustme.CA) -> None:
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server_context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def main() -> None:
        answers = {"long": "한국어 " * 20_000}
        server = await mock_server.serve(
            mock_server.Behaviour(gap_s=0.0, tokens_per_event=50), answers, ssl=server_context
        )
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        async with server, client(ssl_context=trusting) as opened:
            for reused in (False, True):
                tape = Tape()
                await ask(opened, url, tape, messages=[{"role": "user", "content": "long"}])
                response = stream.assemble(Received(tape.reads, tape.started_ns, tape.ended_ns))
                assert response.text == answers["long"]
                assert tape.reused == reused

    run(main())


def test_tls_of_an_unknown_authority_is_refused(run: Run, authority: trustme.CA, serving: Any) -> None:
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server_context)

    async def main() -> None:
        async with serving(scripted(OK), ssl=server_context) as url:
            with pytest.raises(httpx.ConnectError, match=r"(?i)certificate verify failed"):
                await get(url.replace("http://127.0.0.1", "https://localhost"))

    run(main())
