"""Recorded exchanges: what a real server sent, byte for byte with its times, one readable file each.

``<first words>-<hash of the messages>-<number>.json``::

    {"schema": "llmeval-exchange/1",
     "facts": {"kind": "openai", "server": "vllm 0.32.0", ...},
     "messages": [["user", "..."]],
     "parameters": {"max_tokens": 96, "temperature": 0.0, "seed": 0},
     "status": 200, "headers": {"content-type": "text/event-stream"},
     "reads": [[31200417, "data: {...}"], ...],
     "ended_ns": 412345678, "broken": null}

Times are nanoseconds since the request's first byte was written. A read that is no UTF-8 (a character may be
split between two reads) is ``[ns, {"base64": "..."}]``. Of the headers only harmless ones are kept, of the
request only what matches it again: no address, no authorization. A key that a server repeats is blotted out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from pytest_llmeval import whole, wire
from pytest_llmeval.errors import EndpointError
from pytest_llmeval.model import Facts, Parameters
from pytest_llmeval.secret import Blotter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_llmeval.model import Request

    from .tape import Tape

SCHEMA = "llmeval-exchange/1"

Messages = tuple[tuple[str, str], ...]
"""``(role, content)`` pairs."""

_Sampling = tuple[float | None, int | None]

_KEPT_HEADERS = frozenset({"content-type", "retry-after", "server"})
_ADDRESS = re.compile(r"^https?://\S+: ")
"""How the client's words begin: they name the server, which a recording does not."""


class Exchange(Struct, frozen=True, kw_only=True):
    """One request and what came back. ``broken``: why the answer ended before its end."""

    facts: Facts
    messages: Messages
    parameters: Parameters
    status: int
    headers: dict[str, str]
    reads: tuple[tuple[int, bytes], ...]
    ended_ns: int
    broken: str | None = None


def messages_key(messages: Messages) -> str:
    """What identifies a prompt: roles and texts, nothing else."""
    return hashlib.sha256(json.dumps(messages).encode()).hexdigest()


# -- writing -----------------------------------------------------------------------------------------------


class Recorder:
    """Writes exchanges with one endpoint into a folder. What was there of a prompt is replaced by what comes.

    ``secrets`` are blotted out of error bodies. An answer whose text holds one is not kept: there it may lie
    in pieces. ``on_unwritten`` is told of an exchange that could not be written, and the measurement goes on;
    without it that raises.
    """

    def __init__(
        self,
        folder: Path,
        facts: Facts,
        *,
        secrets: Sequence[str] = (),
        on_unwritten: Callable[[OSError], None] | None = None,
    ) -> None:
        self.folder = folder
        self._on_unwritten = on_unwritten
        self.facts = facts
        self._blotter = Blotter(secrets)
        self._kept: Counter[str] = Counter()

    def __call__(self, request: Request, tape: Tape, broken: str | None = None, said: str = "") -> None:
        """Keep one exchange, unless nothing was answered or we did not read on.

        ``broken``: why it ended before its end, in the client's words. ``said``: the answer's text.
        """
        if not tape.status or tape.stopped is not None:
            return
        reads = self._reads(tape, said)
        if reads is None:
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in tape.headers}
        exchange = Exchange(
            facts=self.facts,
            messages=request.messages,
            parameters=Parameters(
                max_tokens=request.max_tokens, temperature=request.temperature, seed=request.seed
            ),
            status=tape.status,
            headers={
                name: self._blotter.text(headers[name]) for name in sorted(_KEPT_HEADERS & headers.keys())
            },
            reads=reads,
            ended_ns=tape.ended_ns - tape.started_ns,
            broken=self._blotter.text(_ADDRESS.sub("", broken)) if broken else None,
        )
        try:
            self._write(exchange)
        except OSError as error:
            if self._on_unwritten is None:
                raise
            self._on_unwritten(error)

    def _write(self, exchange: Exchange) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        name = _name(exchange.messages)
        if not self._kept[name]:
            for old in self.folder.glob(f"{name}-*.json"):
                old.unlink(missing_ok=True)
        path = self.folder / f"{name}-{self._kept[name]}.json"
        whole.write(path, encode(exchange).encode(), quick=True)  # other streams may run
        self._kept[name] += 1

    def _reads(self, tape: Tape, said: str) -> tuple[tuple[int, bytes], ...] | None:
        """What was read and when, without keys; None where one lies across events or reads."""
        clean = self._blotter.data
        reads = tuple((at_ns - tape.started_ns, clean(data)) for at_ns, data in tape.reads)
        whole = clean(b"".join(data for _, data in tape.reads))
        if whole != b"".join(data for _, data in reads) or self._blotter.text(said) != said:
            return None
        return reads


def encode(exchange: Exchange) -> str:
    """The file's text: one line for each field, message and read, so that a diff shows what changed."""
    lines = [
        f'"schema": {_json(SCHEMA)}',
        f'"facts": {_json(wire.plain(exchange.facts))}',
        f'"messages": {_rows(wire.plain(exchange.messages))}',
        f'"parameters": {_json(wire.plain(exchange.parameters))}',
        f'"status": {exchange.status}',
        f'"headers": {_json(exchange.headers)}',
        f'"reads": {_rows([[at_ns, _text(data)] for at_ns, data in exchange.reads])}',
        f'"ended_ns": {exchange.ended_ns}',
        f'"broken": {_json(exchange.broken)}',
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _rows(values: Sequence[Any]) -> str:
    return "[\n" + ",\n".join(f"  {_json(value)}" for value in values) + "\n]" if values else "[]"


def _text(data: bytes) -> str | dict[str, str]:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def _name(messages: Messages) -> str:
    """``write-a-python-function-3f9c2d81``; the words are those of the last message, if they are ASCII."""
    words = re.findall(r"[a-z0-9]+", messages[-1][1].lower())[:4] if messages else []
    return "-".join([*(word[:16] for word in words or ["prompt"]), messages_key(messages)[:8]])


# -- reading -----------------------------------------------------------------------------------------------


class Recordings:
    """The exchanges of a folder, by prompt, in the order in which they were recorded."""

    def __init__(self, folder: Path, exchanges: Sequence[Exchange]) -> None:
        self.folder = folder
        self.facts = exchanges[0].facts
        self.completes = "prompt" in dict(exchanges[0].messages)
        """Whether the completions API was asked: its texts are ``prompt`` and ``suffix``, not of a role."""
        self._by_prompt: dict[str, list[Exchange]] = {}
        for exchange in exchanges:
            self._by_prompt.setdefault(messages_key(exchange.messages), []).append(exchange)
        self._played: Counter[tuple[str, _Sampling | None]] = Counter()

    def next(self, messages: Messages, parameters: Parameters) -> Exchange | None:
        """The next recorded round of a prompt, from the first again after the last; None: never recorded.

        Rounds that were asked for with the same temperature and seed are preferred; where there are none, any
        will do. Token limits do not matter, nor does a missing seed: a client may ask with one, learn from a
        refusal, and ask again.
        """
        key = messages_key(messages)
        rounds = self._by_prompt.get(key, [])
        alike = [exchange for exchange in rounds if _is_alike(exchange.parameters, parameters)]
        rounds = alike or rounds
        if not rounds:
            return None
        which = (key, _sampling(rounds[0].parameters) if alike else None)
        number = self._played[which]
        self._played[which] += 1
        return rounds[number % len(rounds)]


def load(folder: Path) -> Recordings:
    """Every exchange of a folder. Raises ``EndpointError`` when there is none, or one can't be used."""
    if not folder.is_dir():
        raise EndpointError("there is no such folder of recordings", where=str(folder), hint=_HOW_TO_RECORD)
    paths = sorted(folder.glob("*.json"), key=_in_order)
    if not paths:
        below = sorted({path.parent.name for path in folder.glob("*/*.json")})
        raise EndpointError(
            "the folder holds no recordings",
            where=str(folder),
            hint=f"name one of the folders in it: {', '.join(below)}" if below else _HOW_TO_RECORD,
        )
    exchanges = [decode(path.read_bytes(), where=str(path)) for path in paths]
    for path, exchange in zip(paths, exchanges, strict=True):
        if exchange.facts != exchanges[0].facts:
            raise EndpointError(
                f"recordings of different endpoints are mixed: this is {_endpoint(exchange.facts)}, "
                f"{paths[0].name} is {_endpoint(exchanges[0].facts)}",
                where=str(path),
                hint="record each into a folder of its own",
            )
    return Recordings(folder, exchanges)


def decode(data: bytes, *, where: str) -> Exchange:
    """The exchange behind a file's bytes. Raises ``EndpointError`` naming what is wrong."""
    try:
        return _exchange(json.loads(data))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise EndpointError(
            f"this recording can't be read: {error}", where=where, hint="delete it, or record it again"
        ) from error


def _is_alike(recorded: Parameters, asked: Parameters) -> bool:
    return recorded.temperature == asked.temperature and asked.seed in (None, recorded.seed)


def _sampling(parameters: Parameters) -> _Sampling:
    return parameters.temperature, parameters.seed


_HOW_TO_RECORD = "record some: pytest --llm-endpoint=NAME_OR_URL --llm-record=FOLDER"


def _exchange(file: Any) -> Exchange:
    if not isinstance(file, dict) or file.get("schema") != SCHEMA:
        found = file.get("schema") if isinstance(file, dict) else type(file).__name__
        raise ValueError(f"its schema is {found!r}, not {SCHEMA!r}")
    exchange = msgspec.convert({**file, "reads": _reads(file.get("reads"))}, Exchange)
    if not 100 <= exchange.status <= 599:
        raise ValueError(f"{exchange.status} is no HTTP status")
    return exchange


def _reads(rows: Any) -> list[tuple[int, bytes]]:
    reads: list[tuple[int, bytes]] = []
    for row in rows if isinstance(rows, list) else [rows]:
        match row:
            case [int(at_ns), str(text)]:
                reads.append((at_ns, text.encode("utf-8")))
            case [int(at_ns), {"base64": str(text)}]:
                try:
                    reads.append((at_ns, base64.b64decode(text, validate=True)))
                except binascii.Error as error:
                    raise ValueError(f"reads[{len(reads)}] is no base64: {error}") from error
            case _:
                raise ValueError(f'reads[{len(reads)}] is neither [ns, "text"] nor [ns, {{"base64": "..."}}]')
    if any(later < earlier for (earlier, _), (later, _) in pairwise(reads)):
        raise ValueError("its reads are not in the order of their times")
    return reads


def _in_order(path: Path) -> tuple[str, int]:
    name, _, number = path.stem.rpartition("-")
    return name, int(number) if number.isdecimal() else 0


def _endpoint(facts: Facts) -> str:
    return f"{facts.model or 'an unnamed model'} on {facts.server or 'an unknown server'}"
