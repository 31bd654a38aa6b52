"""Recorded exchanges: what is written is what is read, readable, without secrets; what is wrong is said."""

from __future__ import annotations

import errno
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.errors import EndpointError
from pytest_llmeval.measure.recording import Exchange, Recorder, decode, encode, load, messages_key
from pytest_llmeval.measure.tape import Tape
from pytest_llmeval.model import Facts, Parameters, Request

FACTS = Facts(kind="openai", server="vllm 0.32.0", model="qwen", context_window=2048, here=True)
HELLO = Request(messages=(("system", "Be short."), ("user", "Say hello in Korean.")), max_tokens=96)


def tape(*texts: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Tape:
    """A tape whose reads are 10 ms apart."""
    made = Tape(
        started_ns=5_000_000_000, ended_ns=5_000_000_000 + 10_000_000 * (len(texts) + 1), status=status
    )
    made.headers = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    made.reads = [(5_000_000_000 + 10_000_000 * (n + 1), text) for n, text in enumerate(texts)]
    return made


times_and_bytes = st.lists(
    st.tuples(st.integers(0, 10**12), st.binary(max_size=40) | st.text().map(str.encode))
)
exchanges = st.builds(
    Exchange,
    facts=st.just(FACTS),
    messages=st.lists(st.tuples(st.text(), st.text())).map(tuple),
    parameters=st.builds(
        Parameters,
        temperature=st.none() | st.floats(0, 2),
        max_tokens=st.none() | st.integers(0, 10**6),
        seed=st.none() | st.integers(-(2**31), 2**63 - 1),
    ),
    status=st.integers(100, 599),
    headers=st.dictionaries(st.text(), st.text()),
    reads=times_and_bytes.map(lambda reads: tuple(sorted(reads))),
    ended_ns=st.integers(0, 10**13),
    broken=st.none() | st.text(),
)


@given(exchanges)
def test_written_and_read_is_the_same(exchange):
    assert decode(encode(exchange).encode(), where="file") == exchange


@given(st.binary() | st.text().map(str.encode))
def test_any_other_bytes_are_an_endpoint_error(data):
    with pytest.raises(EndpointError, match=r"file: this recording can't be read[\s\S]*record it again"):
        decode(data, where="file")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(exchanges, st.data())
def test_any_wrong_field_is_an_endpoint_error_or_harmless(exchange, data):
    file = json.loads(encode(exchange))
    file[data.draw(st.sampled_from(sorted(file)))] = data.draw(json_values)
    try:
        decode(json.dumps(file).encode(), where="file")
    except EndpointError as error:
        assert error.where == "file"  # noqa: PT017 - harmless changes raise nothing


def test_a_file_reads_well(tmp_path):
    korean = "안녕".encode()
    Recorder(tmp_path, FACTS)(HELLO, tape(b'data: {"a": 1}\n\n', korean[:4], korean[4:]))
    [path] = tmp_path.iterdir()
    assert path.name == f"say-hello-in-korean-{messages_key(HELLO.messages)[:8]}-0.json"
    assert path.read_text("utf-8").splitlines() == [
        "{",
        '"schema": "llmeval-exchange/1",',
        (
            '"facts": {"kind": "openai", "server": "vllm 0.32.0", "model": "qwen", "context_window": 2048, '
            '"here": true},'
        ),
        '"messages": [',
        '  ["system", "Be short."],',
        '  ["user", "Say hello in Korean."]',
        "],",
        '"parameters": {"temperature": 0.0, "max_tokens": 96, "seed": 0},',
        '"status": 200,',
        '"headers": {},',
        '"reads": [',
        '  [10000000, "data: {\\"a\\": 1}\\n\\n"],',
        '  [20000000, {"base64": "7JWI6w=="}],',
        '  [30000000, {"base64": "hZU="}]',
        "],",
        '"ended_ns": 40000000,',
        '"broken": null',
        "}",
    ]


def test_no_secret_is_kept(tmp_path):
    headers = {
        "Content-Type": "application/json",
        "Set-Cookie": "session=sk-secret-123",
        "X-Api-Key": "sk-secret-123",
        "Retry-After": "3",
    }
    record = Recorder(tmp_path, FACTS, secrets=["sk-secret-123", "NA"])
    record(HELLO, tape(b'{"error": "bad key sk-secret-123, NAH"}', status=401, headers=headers))
    [path] = tmp_path.iterdir()
    assert "sk-secret-123" not in path.read_text()
    exchange = load(tmp_path).next(HELLO.messages, Parameters())
    assert exchange is not None
    assert exchange.headers == {"content-type": "application/json", "retry-after": "3"}
    assert exchange.reads[0][1] == b'{"error": "bad key [key], NAH"}'
    assert exchange.status == 401


def test_an_answer_that_holds_a_secret_is_not_kept(tmp_path):
    record = Recorder(tmp_path, FACTS, secrets=["sk-secret-123"])
    record(HELLO, tape(b'data: {"x": "sk-sec"}', b'data: {"x": "ret-123"}'), None, "You are sk-secret-123.")
    record(HELLO, tape(b"bad key sk-sec", b"ret-123", status=401))
    assert not list(tmp_path.iterdir())


def test_what_was_never_answered_is_not_kept(tmp_path):
    Recorder(tmp_path / "new", FACTS)(HELLO, Tape(started_ns=1, ended_ns=2))
    assert not (tmp_path / "new").exists()


def test_recording_again_replaces_a_prompts_rounds_and_no_others(tmp_path):
    first = Recorder(tmp_path, FACTS)
    other = Request(messages=(("user", "한국어로 인사해 줘."),))
    for text in (b"1", b"2", b"3"):
        first(HELLO, tape(text))
    first(other, tape(b"other"))
    Recorder(tmp_path, FACTS)(HELLO, tape(b"again"))
    recordings = load(tmp_path)
    parameters = Parameters(max_tokens=96, temperature=0.0, seed=0)
    rounds = [recordings.next(HELLO.messages, parameters) for _ in range(2)]
    assert [one.reads[0][1] for one in rounds if one] == [b"again", b"again"]
    assert recordings.next(other.messages, parameters) is not None
    assert len(list(tmp_path.iterdir())) == 2


def test_rounds_come_in_order_and_start_again(tmp_path):
    record = Recorder(tmp_path, FACTS)
    for number in range(11):
        record(HELLO, tape(b"%d" % number))
    recordings = load(tmp_path)
    played = [recordings.next(HELLO.messages, Parameters()) for _ in range(13)]
    expected = [*range(11), 0, 1]
    assert [int(one.reads[0][1]) for one in played if one] == expected


def test_what_cannot_be_written_is_told_and_nothing_else_is_lost(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(FileExistsError):
        Recorder(tmp_path / "file", FACTS)(HELLO, tape(b"x"))
    told = []
    Recorder(tmp_path / "file", FACTS, on_unwritten=told.append)(HELLO, tape(b"x"))
    assert [error.strerror for error in told] == [os.strerror(errno.EEXIST)]


def test_the_same_sampling_is_preferred(tmp_path):
    record = Recorder(tmp_path, FACTS)
    record(Request(messages=HELLO.messages, temperature=0.0), tape(b"cold"))
    record(Request(messages=HELLO.messages, temperature=0.9), tape(b"hot 1"))
    record(Request(messages=HELLO.messages, temperature=0.9), tape(b"hot 2"))
    recordings = load(tmp_path)

    def read(temperature: float, max_tokens: int = 96) -> bytes:
        asked = Parameters(temperature=temperature, max_tokens=max_tokens, seed=0)
        exchange = recordings.next(HELLO.messages, asked)
        assert exchange is not None
        return exchange.reads[0][1]

    assert [read(0.9), read(0.0), read(0.9, 7), read(0.9, 8)] == [b"hot 1", b"cold", b"hot 2", b"hot 1"]
    assert [read(0.5), read(0.4), read(0.3)] == [b"cold", b"hot 1", b"hot 2"]


def test_after_a_refusal_of_the_seed_comes_what_was_answered_without_it(tmp_path):
    record = Recorder(tmp_path, FACTS)
    record(HELLO, tape(b"no seed, please", status=422))
    for answer in (b"1", b"2"):
        record(HELLO, tape(answer))
    recordings = load(tmp_path)
    asked = [Parameters(temperature=HELLO.temperature, seed=seed) for seed in (HELLO.seed, None, None)]
    played = [recordings.next(HELLO.messages, one) for one in asked]
    assert [one.reads[0][1] for one in played if one] == [b"no seed, please", b"1", b"2"]


def test_what_we_stopped_reading_is_not_kept(tmp_path):
    stopped = tape(b"data: half")
    stopped.stopped = "by caller"
    Recorder(tmp_path, FACTS)(HELLO, stopped, "reading was stopped before the answer's end")
    assert not list(tmp_path.iterdir())


def test_why_it_broke_is_kept_without_the_address(tmp_path):
    Recorder(tmp_path, FACTS)(
        HELLO, tape(b"data: half"), "http://secret-host:8000: the connection was closed"
    )
    exchange = load(tmp_path).next(HELLO.messages, Parameters())
    assert exchange is not None
    assert exchange.broken == "the connection was closed"


def test_a_prompt_that_was_never_recorded(tmp_path):
    Recorder(tmp_path, FACTS)(HELLO, tape(b"x"))
    assert load(tmp_path).next((("user", "Something else"),), Parameters()) is None


def test_no_folder(tmp_path):
    with pytest.raises(EndpointError, match=r"no such folder of recordings[\s\S]*--llm-record=FOLDER"):
        load(tmp_path / "nope")


def test_an_empty_folder(tmp_path):
    with pytest.raises(EndpointError, match=r"holds no recordings[\s\S]*--llm-record=FOLDER"):
        load(tmp_path)


def test_a_folder_of_folders_names_them(tmp_path):
    for name in ("qwen", "smollm2"):
        Recorder(tmp_path / name, FACTS)(HELLO, tape(b"x"))
    with pytest.raises(EndpointError, match="name one of the folders in it: qwen, smollm2"):
        load(tmp_path)


def test_two_endpoints_in_one_folder(tmp_path):
    Recorder(tmp_path, FACTS)(HELLO, tape(b"x"))
    other = Facts(kind="openai", server="llama.cpp b11434", model="smollm2")
    Recorder(tmp_path, other)(Request(messages=(("user", "Zzz"),)), tape(b"y"))
    with pytest.raises(
        EndpointError, match=r"mixed: this is smollm2 on llama\.cpp b11434, .* is qwen on vllm"
    ):
        load(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": "llmeval-exchange/2"}, "its schema is 'llmeval-exchange/2'"),
        ({"reads": [[1, "a"], ["b"]]}, r"reads\[1\] is neither"),
        ({"reads": [[1, {"base64": "%%"}]]}, r"reads\[0\] is no base64"),
        ({"reads": [[2, "a"], [1, "b"]]}, "not in the order of their times"),
        ({"status": 7}, "7 is no HTTP status"),
        ({"facts": {}}, r"required field `kind` - at `\$\.facts`"),
    ],
)
def test_what_is_wrong_is_said(change, words, tmp_path):
    Recorder(tmp_path, FACTS)(HELLO, tape(b"x"))
    [path] = tmp_path.iterdir()
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(EndpointError, match=words) as caught:
        load(tmp_path)
    assert caught.value.where == str(path)
