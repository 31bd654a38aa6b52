"""A key is nowhere but in the requests that need it, although the server repeats it wherever it can."""

from __future__ import annotations

import base64
import json
import secrets
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="servers are started on Linux and macOS only")

SERVER = '''\
"""Repeats the key that it is sent, and writes it into its log."""
import base64, html, json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, kind, body):
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        told = [key, quote(key), html.escape(key), base64.b64encode(b"me:" + key.encode()).decode()]
        body = body.replace("KEY", json.dumps(" ".join(told))[1:-1]).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("server", f"echo {key}")
        self.send_header("x-you-sent", key)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        models = {"data": [{"id": f"model {key}", "owned_by": "vllm", "max_model_len": 4096}]}
        self.answer(200, "application/json", json.dumps({"version": f"1 {key}"} | models))

    def do_POST(self):
        asked = self.rfile.read(int(self.headers["content-length"])).decode()
        honest = "HONEST" in os.environ
        if "인사" in asked and not honest:
            return self.answer(401, "application/json", '{"error": {"message": "Incorrect API key: KEY"}}')
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        text = GOOD if honest else f"You are {key}." + GOOD.replace("return", f"return '{key}'")
        pieces = [text[at:at + 5] for at in range(0, len(text), 5)]
        events = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
        events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        body = "".join(f"data: {json.dumps(event)}\\n\\n" for event in events)
        self.answer(200, "text/event-stream", body + "data: [DONE]\\n\\n")

    def log_message(self, *_):
        print("asked by", self.headers.get("Authorization"), flush=True)

GOOD = "\\n```python\\ndef add(a, b):\\n    return a + b\\n```\\n"
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
'''
PROJECT = f"""\
[endpoints.box]
api_key_env = "BOX_KEY"
[endpoints.box.server]
command = [{json.dumps(sys.executable)}, "server.py", "{{port}}"]
"""
TESTS = """\
import logging, os

def test_that_fails(llm):
    headers = {"Authorization": "Bearer " + os.environ["BOX_KEY"]}
    print(headers)
    logging.getLogger(__name__).error("sent %s", headers)
    assert llm.ask("Write add(a, b).").text == headers
"""
BROKEN_HOOKS = """\
import os

def pytest_runtest_setup(item):
    headers = {"Authorization": "Bearer " + os.environ["BOX_KEY"]}
    if item.name == "add[box-ko]":
        raise RuntimeError(f"no setup with {headers}")

def pytest_llmeval_report(config, run):
    key = os.environ["BOX_KEY"]
    if "CRASH" in os.environ:
        raise RuntimeError(f"no report with {key}")
"""


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """Most of its characters are written otherwise somewhere."""
    key = f"sk-canary+{secrets.token_hex(8)}/'&<=\\"
    monkeypatch.setenv("BOX_KEY", key)
    return key


def told(key: str) -> Iterator[bytes]:
    """What would give it away: its middle, which no escape changes, and base64 wherever it began."""
    yield key[10:26].encode()
    for before in range(3):
        yield base64.b64encode(bytes(before) + key.encode())[4:24]
    yield quote(key, safe="").encode()
    yield key.encode().hex().encode()


def leaks(project: Any, key: str, *results: pytest.RunResult) -> list[str]:
    """Where it stands."""
    places = {str(path.relative_to(project.path)): path.read_bytes() for path in files(project.path)}
    for number, result in enumerate(results):
        places[f"stdout {number}"] = result.stdout.str().encode()
        places[f"stderr {number}"] = result.stderr.str().encode()
    return [place for place, data in places.items() if any(form in data for form in told(key))]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def telling(project: Any, key: str) -> Any:
    """A project whose endpoint's server repeats the key."""
    (project.path / "server.py").write_text(SERVER, encoding="utf-8")
    (project.path / "llmeval.toml").write_text(PROJECT)
    return project


@pytest.mark.workers
def test_a_key_is_nowhere(telling: Any, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (telling.path / "test_mine.py").write_text(TESTS)
    (telling.path / "conftest.py").write_text(BROKEN_HOOKS)
    result = telling.pytest(
        "--llm-endpoint=box", "--llm-rounds=1", "--llm-json=run.json", "--llm-markdown=run.md",
        "--llm-record=recorded", "--llm-update-baselines", "--benchmark-json=benchmark.json",
        "--junit-xml=junit.xml", "-ojunit_logging=all", "--showlocals", "-vv", "--tb=long", "-rA",
        "--log-file=log.txt", "--log-cli-level=INFO",
    )  # fmt: skip
    text = result.stdout.str() + result.stderr.str()
    assert "Incorrect API key: [key]" in text, "the server's refusal is shown"
    assert "RuntimeError: no setup with {'Authorization': \"Bearer [key]\"}" in text
    assert 'assert "You are [key]' in text
    run = json.loads((telling.path / "run.json").read_text(encoding="utf-8"))
    assert run["endpoints"]["box"]["model"] == "model [key]"
    names = {path.name for path in files(telling.path)}
    assert {"run.md", "benchmark.json", "junit.xml", "answers.jsonl", "box.log"} <= names
    assert "sent {'Authorization': \"Bearer [key]\"}" in (telling.path / "log.txt").read_text()
    if not telling.workers:
        assert "live log call" in text
    assert b"asked by Bearer [key]" in next(telling.path.rglob("box.log")).read_bytes()
    assert list((telling.path / "recorded").iterdir()), "the refusal is recorded"
    assert leaks(telling, key, result) == []
    if telling.workers:
        return
    monkeypatch.setenv("CRASH", "1")
    result = telling.pytest("--llm-endpoint=box", "--showlocals", "-kadd", "--junit-xml=junit.xml")
    assert "INTERNALERROR> RuntimeError: no report with [key]" in result.stdout.str() + result.stderr.str()
    assert leaks(telling, key, result) == []


def test_a_baseline_holds_no_key(telling: Any, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HONEST", "1")
    result = telling.pytest("--llm-endpoint=box", "--llm-rounds=1", "--llm-update-baselines")
    assert result.ret == 0
    assert b"[key]" in (telling.path / "baselines" / "box.json").read_bytes()
    assert leaks(telling, key, result) == []
