"""Everything that can go wrong on a wire: what the server sends, and what must become of it.

``fault_server`` plays the scripts, ``tests/measure/test_faults.py`` asks at each and holds the outcome to
this table, ``soak.py`` mixes them with good answers, ``docs/security.md`` shows them.
"""

from __future__ import annotations

import enum
import gzip
import itertools
import json
import re
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1024 * 1024


class Wait(NamedTuple):
    """Send nothing for so long."""

    s: float


class Again(NamedTuple):
    """The same bytes so many times; None: until the client has gone."""

    data: bytes
    times: int | None = None
    pause_s: float = 0.0


class End(enum.Enum):
    """What is no bytes."""

    RESET = enum.auto()
    SILENCE = enum.auto()
    """Keep the connection open and say nothing."""


RESET, SILENCE = End.RESET, End.SILENCE
Step = bytes | Wait | Again | End


class Fault(NamedTuple):
    """What is sent, and what must become of it.

    ``kind`` None: the answer is good all the same. ``said``: a piece of the sentence. ``kept``: the answer's
    text as far as it came; None where it is too long to write down. ``requests``: how many the server must
    have seen. ``timeout_s`` is the cell's, ``seconds`` and ``mib`` bound what the client may take.
    ``later``: what every second request gets instead. ``keeps``: the connection lives on.
    """

    name: str
    script: tuple[Step, ...]
    kind: str | None
    said: str = ""
    kept: str | None = ""
    requests: int = 1
    timeout_s: float = 20.0
    seconds: float = 5.0
    mib: int = 64
    later: tuple[Step, ...] = ()
    keeps: bool = False
    api: str = "openai"

    @property
    def slug(self) -> str:
        """The name as it stands in a URL."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower())


# -- pieces ------------------------------------------------------------------------------------------------


def head(*fields: str, status: int = 200, version: str = "1.1") -> bytes:
    """Status line and headers of an answer."""
    lines = [f"HTTP/{version} {status} Whatever", *fields, "", ""]
    return "\r\n".join(lines).encode()


def framed(body: bytes, *fields: str, status: int = 200) -> bytes:
    """A whole answer of known length."""
    return head(f"content-length: {len(body)}", *fields, status=status) + body


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(content: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    """A server-sent event of a chat."""
    choice = {"index": 0, "delta": {} if content is None else {"content": content}, "finish_reason": finish}
    return b"data: %s\n\n" % json.dumps({"choices": [choice], **more}, ensure_ascii=False).encode()


def usage(**counts: Any) -> bytes:
    """The event with the token counts; NaN and Infinity are written as Python does."""
    return b'data: {"choices":[],"usage":%s}\n\n' % json.dumps(counts).encode()


SSE = "content-type: text/event-stream"
STREAM = head(SSE)
CHUNKED = head(SSE, "transfer-encoding: chunked")
HELLO = event("Hel") + event("lo")
STOP = event(finish="stop")
DONE = b"data: [DONE]\n\n"
GOOD = HELLO + STOP + DONE
SAYS = json.dumps({"error": {"message": "so it is", "type": "x", "code": None}}).encode()
PAGE = b"<html><head><style>p{a:b}</style><title>Bad</title></head><body><p>so it&nbsp;is</p></body></html>"
PADDING = b"x" * MIB


# -- the table ---------------------------------------------------------------------------------------------


def _closing() -> Iterator[Fault]:
    twice = {"kind": "interrupted", "said": "twice without answering", "requests": 2}
    cut = {"kind": "interrupted", "said": "closed in the middle of the answer"}
    yield Fault(
        "never answers",
        (SILENCE,),
        "timeout",
        "the answer was not complete within 0.5 s",
        timeout_s=0.5,
    )
    yield Fault("closes before the headers", (), **twice)
    yield Fault("resets before the headers", (RESET,), **twice)
    yield Fault("answers the second time", (), None, kept="Hello", requests=2, later=(STREAM + GOOD,))
    yield Fault("closes in the headers", (b"HTTP/1.1 200 OK\r\ncontent-ty",), **cut)
    yield Fault("closes after the headers", (CHUNKED,), **cut)
    yield Fault("closes in a chunk", (CHUNKED + chunk(HELLO) + b"40\r\ndata: {",), kept="Hello", **cut)
    yield Fault("closes in a letter", (CHUNKED + chunk(HELLO + event("한")[:-40]),), kept="Hello", **cut)
    yield Fault("closes in JSON", (CHUNKED + chunk(HELLO + event(" world")[:30]),), kept="Hello", **cut)
    yield Fault("closes before its length", (head("content-length: 999") + HELLO,), kept="Hello", **cut)
    yield Fault(
        "closes after the last token",
        (STREAM + HELLO,),
        "interrupted",
        "neither a finish_reason nor [DONE]",
        "Hello",
    )
    yield Fault("closes before [DONE]", (STREAM + HELLO + STOP,), None, kept="Hello")
    yield Fault("cut after its end", (CHUNKED + chunk(GOOD),), None, kept="Hello")
    yield Fault("resets in the stream", (CHUNKED + chunk(HELLO), Wait(0.2), RESET), kept="Hello", **cut)
    yield Fault(
        "falls silent after the headers", (CHUNKED, SILENCE), "timeout", "within 0.5 s", timeout_s=0.5
    )
    yield Fault(
        "falls silent in the stream",
        (CHUNKED + chunk(HELLO), SILENCE),
        "timeout",
        "within 0.5 s",
        "Hello",
        timeout_s=0.5,
    )
    yield Fault(
        "a byte at a time",
        (STREAM + HELLO, Again(b":", pause_s=0.02)),
        "timeout",
        "within 0.5 s",
        "Hello",
        timeout_s=0.5,
    )
    yield Fault(
        "a header at a time",
        (b"HTTP/1.1 200 OK\r\n", Again(b"a: b\r\n", pause_s=0.02)),
        "timeout",
        "within 0.5 s",
        timeout_s=0.5,
    )


def _statuses() -> Iterator[Fault]:
    forms = {"JSON": SAYS, "HTML": PAGE, "nothing": b""}
    for status, form in itertools.product(
        (400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 529), forms
    ):
        kind = "rate_limited" if status == 429 else f"http_{status // 100}xx"
        said = f"HTTP {status} without a message" if form == "nothing" else "so it"
        yield Fault(f"{status} in {form}", (framed(forms[form], status=status),), kind, said)
    big = {"kind": "http_5xx", "mib": 96}
    length = f"content-length: {10 * MIB}"
    long = json.dumps({"error": {"message": "so it is " + "x" * 10 * MIB}}).encode()
    yield Fault("10 MB of JSON error", (framed(long, status=500),), said="so it is", **big)
    html = PAGE + b"<p>" * MIB
    yield Fault("10 MB of HTML error", (framed(html, status=502),), said="so it", **big)
    bad = head(length, status=500)
    yield Fault("10 MB of brackets", (bad, Again(b"<" * MIB, 10)), **big)
    yield Fault("10 MB of scripts", (bad, Again(b"<script>" * (MIB // 8), 10)), **big)
    yield Fault("10 MB of lists", (bad, Again(b"[" * MIB, 10)), **big)
    deep = b'{"error":' + b"[" * 900 + b"]" * 900 + b"}"
    yield Fault("a deep error", (framed(deep, status=500),), "http_5xx")
    wide = b'{"error":{"message":"so it is","code":%s}}' % (b"9" * 400)
    yield Fault("an error of a long number", (framed(wide),), "malformed", "so it is")
    retry = {"later": (framed(GOOD),), "requests": 2, "kept": "Hello", "keeps": True}
    for status in (429, 503):
        told = (framed(SAYS, "retry-after: 0", status=status),)
        yield Fault(f"{status} to come back", told, None, **retry)
    past = (framed(SAYS, "retry-after: Sat, 21 Nov 2020 00:00:00 GMT", status=429),)
    yield Fault("429 to come back at a date", past, None, **retry)
    for name, value in {
        "too late": "3600",
        "never": "soon",
        "in the past": "-1",
        "in the year 10,000": "Sat, 21 Nov 10000 00:00:00 GMT",
        "in 4,000 digits": "9" * 4000,
    }.items():
        again = (framed(SAYS, f"retry-after: {value}", status=429),)
        said = "so it is (it wants to be asked again in 3600 s)" if name == "too late" else "so it is"
        yield Fault(f"429 to come back {name}", again, "rate_limited", said)
    again = (framed(SAYS, "retry-after: 0", status=429),)
    yield Fault("429 for ever", again, "rate_limited", "so it is", requests=3, keeps=True)


def _forms() -> Iterator[Fault]:
    good = {"kind": None, "kept": "Hello"}
    whole = json.dumps({"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}).encode()
    yield Fault(
        "200 with an error", (framed(b'{"error":{"message":"so it is","code":500}}'),), "http_5xx", "so it is"
    )
    yield Fault(
        "an error in the stream",
        (STREAM + HELLO + b'data: {"error":{"message":"so it is","code":500}}\n\n',),
        "interrupted",
        "so it is",
        "Hello",
    )
    yield Fault("a stream that says it is HTML", (framed(GOOD, "content-type: text/html"),), **good)
    yield Fault("JSON that says it is a stream", (framed(whole, SSE),), **good)
    yield Fault("a page with status 200", (framed(PAGE, SSE),), "malformed", "neither a stream of events")
    yield Fault("nothing with status 200", (framed(b""),), "interrupted", "neither a finish_reason nor")
    yield Fault("204", (head(status=204),), "interrupted", "neither a finish_reason nor")
    yield Fault("HTTP/1.0", (head(SSE, version="1.0") + GOOD,), **good)
    yield Fault("SSH", (b"SSH-2.0-OpenSSH_9.6\r\n",), "malformed", "is this the server's HTTP port?")
    yield Fault("HTTP/2", (b"\0\0\6\4\0\0\0\0\0\0\3\0\0\0\x64",), "malformed", "not an HTTP/1.1 answer")
    yield Fault(
        "101", (head("upgrade: x", "connection: upgrade", status=101) + GOOD,), "malformed", "not an HTTP"
    )
    yield Fault("100 before", (head(status=100) + framed(GOOD),), **good)
    bad = {"kind": "malformed", "said": "not an HTTP/1.1 answer (Invalid", "kept": "Hello"}
    yield Fault("a chunk of size zz", (CHUNKED + chunk(HELLO), Wait(0.1), b"zz\r\n"), **bad)
    yield Fault(
        "a chunk of 2^80",
        (CHUNKED + chunk(HELLO), Wait(0.1), b"ffffffffffffffffffff\r\n"),
        "malformed",
        "not an HTTP/1.1 answer",
        "Hello",
    )
    yield Fault(
        "a chunk longer than said",
        (CHUNKED + chunk(HELLO), Wait(0.1), b"3\r\nabcdef\r\n"),
        "malformed",
        "not an HTTP/1.1 answer",
        "Hello",
    )
    yield Fault(
        "two lengths",
        (head("content-length: 3", "content-length: 4") + b"abcd",),
        "malformed",
        "not an HTTP/1.1 answer",
    )
    yield Fault(
        "a length below 0", (head("content-length: -1") + GOOD,), "malformed", "not an HTTP/1.1 answer"
    )
    yield Fault("NUL in a header", (head("a: b\0c") + GOOD,), "malformed", "not an HTTP/1.1 answer")
    yield Fault("a cookie", (framed(GOOD, "set-cookie: " + "a=b; " * 5000),), **good)
    packed = gzip.compress(GOOD)
    yield Fault("gzip", (framed(packed, "content-encoding: gzip"),), **good)
    yield Fault("deflate", (framed(zlib.compress(GOOD), "content-encoding: deflate"),), **good)
    yield Fault(
        "gzip that is none",
        (framed(GOOD, "content-encoding: gzip"),),
        "malformed",
        "says that it is compressed (gzip), and is not",
    )
    yield Fault(
        "brotli",
        (framed(b"\x0b\x02\x80", "content-encoding: br"),),
        "malformed",
        "is compressed (br), though it was to be plain",
    )
    flushed = zlib.compressobj(wbits=31)
    part = flushed.compress(HELLO) + flushed.flush(zlib.Z_SYNC_FLUSH)
    yield Fault(
        "gzip that is cut",
        (head("content-encoding: gzip", "content-length: 9999") + part,),
        "interrupted",
        "closed in the middle",
        "Hello",
    )


def _events() -> Iterator[Fault]:
    good = {"kind": None, "kept": "Hello"}
    streams = {
        "CRLF": GOOD.replace(b"\n", b"\r\n"),
        "CR": GOOD.replace(b"\n", b"\r"),
        "comments": b": ping\n\n" + GOOD.replace(b"data", b":x\nid: 1\nretry: 5\ndata"),
        "a byte order mark": b"\xef\xbb\xbf" + GOOD,
        "data over lines": GOOD.replace(b', "delta"', b',\ndata: "delta"'),
        "no space after data:": GOOD.replace(b"data: ", b"data:"),
        "finish_reason twice": HELLO + STOP + STOP + DONE,
        "finish_reason first": STOP + HELLO + DONE,
        "no finish_reason": HELLO + DONE,
        "nulls": b'data: {"choices":null,"usage":null,"model":null,"error":null,"timings":null}\n\n'
        b'data: {"choices":[null,{"delta":null,"finish_reason":null}]}\n\n' + GOOD,
        "no choices": b"data: {}\n\n" + GOOD,
        "a second choice": HELLO + b'data: {"choices":[{"index":1,"delta":{"content":"x"}}]}\n\n' + STOP,
    }
    for name, body in streams.items():
        yield Fault(name, (framed(body),), **good)
    for name, counts in {
        "negative": {"prompt_tokens": -1, "completion_tokens": -5},
        "huge": {"prompt_tokens": 10**400, "completion_tokens": 10**12},
        "NaN": {"prompt_tokens": float("nan"), "completion_tokens": float("inf")},
        "text": {"prompt_tokens": "5", "completion_tokens": [1]},
    }.items():
        yield Fault(f"usage that is {name}", (framed(HELLO + STOP + usage(**counts) + DONE),), **good)
    timings = b'data: {"choices":[],"timings":{"cache_n":1e308,"prompt_ms":%s,"x":NaN}}\n\n' % (b"9" * 400)
    yield Fault("timings that are absurd", (framed(HELLO + timings + STOP + DONE),), **good)
    yield Fault("invalid UTF-8", (framed(GOOD.replace(b"Hel", b"H\xff\xfel")),), None, kept="H��llo")
    lone = GOOD.replace(b"Hel", rb"\ud83dHel")
    yield Fault("a lone surrogate", (framed(lone),), None, kept="�Hello")
    yield Fault(
        "no JSON in an event",
        (framed(HELLO + b"data: {]\n\n" + STOP),),
        "malformed",
        "an event is not a JSON object",
        "Hello",
    )
    yield Fault("no text", (framed(STOP + DONE),), "empty", "the answer has no text (finish_reason stop)")
    yield Fault(
        "a finish_reason of 1 MB", (framed(event(finish="x" * MIB)),), "empty", "the answer has no text"
    )
    named = framed(event("Hello", "stop", model="x" * MIB))
    yield Fault("a model's name of 1 MB", (named,), "malformed", "'m' was asked for, 'xxx", "Hello")


def _floods() -> Iterator[Fault]:
    cut = {"kind": "interrupted", "said": "the most that is read", "kept": None, "seconds": 40.0, "mib": 420}
    framing = {"kind": "malformed", "seconds": 15.0}
    kib = 1024
    yield Fault(
        "headers without end",
        (b"HTTP/1.1 200 OK\r\n", Again(b"a: b\r\n" * kib)),
        said="bytes of headers",
        **framing,
    )
    yield Fault(
        "a header without end",
        (b"HTTP/1.1 200 OK\r\na: ", Again(PADDING)),
        said="bytes of headers",
        **framing,
    )
    yield Fault(
        "100 Continue without end", (Again(head(status=100) * kib),), said="bytes of headers", **framing
    )
    yield Fault(
        "trailers without end",
        (CHUNKED + chunk(GOOD) + b"0\r\n", Again(b"a: b\r\n" * kib)),
        said="HTTP's own framing",
        kept="Hello",
        **framing,
    )
    yield Fault(
        "a chunk extension without end",
        (CHUNKED + b"5;", Again(PADDING)),
        said="HTTP's own framing",
        **framing,
    )
    yield Fault("100 MB in a line", (STREAM + HELLO + event(" x")[:-40], Again(PADDING, 100)), **cut)
    yield Fault(
        "100 MB in a line of NDJSON",
        (head(), b'{"message":{"content":"', Again(PADDING, 100)),
        api="ollama",
        **cut,
    )
    yield Fault("100 MB of one JSON", (head(), b'{"choices":[', Again(b"{}," * kib, 35 * kib)), **cut)
    yield Fault("events without end", (STREAM, Again(event("tok ") * kib)), **cut)
    yield Fault("comments without end", (STREAM, Again(b":\n" * 32 * kib)), **cut)
    yield Fault("empty lines without end", (STREAM + HELLO, Again(b"\r" * 64 * kib)), **cut)
    yield Fault("chunks of a byte without end", (CHUNKED, Again(chunk(b":") * 8 * kib)), **cut)
    endless = (head(status=500) + b"so it is ", Again(PADDING))
    yield Fault("an error without end", endless, "http_5xx", "so it is", seconds=40.0, mib=420)
    yield Fault(
        "100,000 tokens at once",
        (STREAM, Again(event("x ") * 100, 1000), STOP + DONE),
        None,
        kept="x " * 100_000,
        seconds=20,
        mib=200,
    )
    packer = zlib.compressobj(wbits=31)
    start = packer.compress(b"data: ") + packer.flush(zlib.Z_FULL_FLUSH)
    same = packer.compress(PADDING) + packer.flush(zlib.Z_FULL_FLUSH)  # needs nothing that came before it
    yield Fault("a gzip bomb", (head("content-encoding: gzip") + start, Again(same, 200)), **cut)


TABLE = (*_closing(), *_statuses(), *_forms(), *_events(), *_floods())
