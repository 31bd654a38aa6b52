"""Endpoints that are no OpenAI chat server, as a user configures and runs them."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import mock_server
import ollama_standin
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

APP = """\
import asyncio, time

GOOD = "Here it is.\\n```python\\ndef add(a, b):\\n    return a + b\\n```\\n"


def streamed(prompt, temperature, max_tokens):
    assert temperature == 0 and max_tokens == 1024
    for word in (GOOD if "add" in prompt else "안녕하세요 여러분, 반갑습니다. ").split(" "):
        time.sleep(0.002)
        yield word + " "


async def later(messages):
    await asyncio.sleep(0.01)
    return GOOD if "add" in messages[-1]["content"] else "안녕하세요"


def broken(prompt):
    raise RuntimeError("the shop is closed")


def fills(prompt, suffix):
    return "    return a + b"
"""
GAP = """\
scenarios:
- id: gap
  prompt: {en: "def add(a, b):\\n"}
  suffix: "\\n\\nprint(add(1, 2))\\n"
  answer: {code: python, requires: ["add(a, b)"]}
"""


def configure(project: Any, text: str) -> None:
    (project.path / "llmeval.toml").write_text(text, encoding="utf-8")


def samples(project: Any) -> list[dict[str, Any]]:
    return [sample for cell in project.last_run()["cells"] for sample in cell["samples"]]


# -- function ----------------------------------------------------------------------------------------------


@pytest.mark.workers
def test_callables_of_the_project(project: Any) -> None:
    (project.path / "shop").mkdir()
    (project.path / "shop" / "assistant.py").write_text(APP, encoding="utf-8")
    names = ("streamed", "later")
    tables = (f'[endpoints.{name}]\nkind = "function"\ncall = "shop.assistant:{name}"\n' for name in names)
    configure(project, "".join(tables))
    result = project.pytest("--llm-endpoint=all", "--llm-rounds=2")
    result.assert_outcomes(passed=6)
    assert result.ret == 0
    run = project.last_run()
    for name in names:
        model = f"shop.assistant:{name}"
        assert run["endpoints"][name] == {"kind": "function", "model": model, "here": True}
    for cell in run["cells"]:
        for sample in cell["samples"]:
            assert sample["transport"] == "function"
            assert sample["latency_s"] > 0.002
            assert ("gap_p50_s" in sample) == (cell["endpoint"] == "streamed")
            assert cell["scenario"] != "add" or sample["score"]["quality"] > 5


def test_a_callable_is_found_from_below_the_project(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.path / "assistant.py").write_text(APP, encoding="utf-8")
    configure(project, '[endpoints.app]\nkind = "function"\ncall = "assistant:later"\n')
    monkeypatch.chdir(project.path / "suites")
    result = project.pytest(
        f"--rootdir={project.path}", "--llm-endpoint=app", "--llm-rounds=1", "mine.eval.yaml"
    )
    result.assert_outcomes(passed=3)


def test_a_callable_that_raises_and_one_that_is_not_there(project: Any) -> None:
    (project.path / "assistant.py").write_text(APP, encoding="utf-8")
    configure(
        project,
        '[endpoints.app]\nkind = "function"\ncall = "assistant:broken"\n'
        '[endpoints.gone]\nkind = "function"\ncall = "asistant:answer"\n',
    )
    result = project.pytest("--llm-endpoint=all", "--llm-rounds=1")
    assert result.ret == 1
    result.assert_outcomes(failed=6)
    said = result.stdout.str()
    assert "assistant:broken raised RuntimeError: the shop is closed" in said
    assert "asistant:answer can't be imported: ModuleNotFoundError" in said
    assert "Traceback" not in result.stdout.str()


# -- http --------------------------------------------------------------------------------------------------


class Workflow(BaseHTTPRequestHandler):
    """A workflow engine of model-compose's form: the output as JSON, or a text a server-sent event."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append(asked)
        prompt = asked["input"]["prompt"]
        text = said_to(prompt)
        if self.path == "/api/workflows/runs":
            self.answer("application/json", json.dumps({"text": text}).encode())
        elif self.path == "/stream":
            words = [json.dumps({"output": {"delta": word + " "}}) for word in text.split(" ")]
            self.answer("text/event-stream", "".join(f"data: {word}\n\n" for word in words).encode())
        else:
            self.answer("application/json", b'{"detail": "Workflow \'x\' not found."}', 404)

    def answer(self, kind: str, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: the test's output is pytest's."""


def said_to(prompt: str) -> str:
    """What the service's model says."""
    return "```python\ndef add(a, b):\n    return a + b\n```" if "add" in prompt else "안녕하세요 여러분"


@contextmanager
def workflows() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Workflow) as server:
        server.daemon_threads = True
        Workflow.seen.clear()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_a_workflow_engine_of_json_and_one_of_events(project: Any) -> None:
    with workflows() as url:
        configure(
            project,
            f"""\
[endpoints.whole]
kind = "http"
url = "{url}/api/workflows/runs"
request = {{ input = {{ prompt = "{{prompt}}", temperature = "{{temperature}}" }}, output_only = true }}
text = "text"
[endpoints.events]
kind = "http"
url = "{url}/stream"
text = "output.delta"
[endpoints.events.request.input]
prompt = "{{prompt}}"
[endpoints.gone]
kind = "http"
url = "{url}/gone"
request = {{ input = {{ prompt = "{{prompt}}" }} }}
""",
        )
        result = project.pytest("--llm-endpoint=whole", "--llm-endpoint=events", "--llm-rounds=1")
        result.assert_outcomes(passed=6)
        assert {
            "input": {"prompt": "Write add(a, b).", "temperature": 0.0},
            "output_only": True,
        } in Workflow.seen
        assert {"input": {"prompt": "Write add(a, b)."}} in Workflow.seen
        assert {sample["tokens_from"] for sample in samples(project)} == {"events"}
        assert {sample["transport"] for sample in samples(project)} == {"measured"}
        result = project.pytest("--llm-endpoint=gone", "--llm-rounds=1", "-k", "greet")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*HTTP 404*Workflow 'x' not found.*"])


# -- ollama ------------------------------------------------------------------------------------------------


def test_ollama_by_its_own_api(project: Any) -> None:
    """Against a stand-in: no real Ollama was at hand."""
    with ollama_standin.running() as (url, standin):
        configure(
            project,
            f'[endpoints.native]\nkind = "ollama"\nurl = "{url}/v1"\nmodel = "qwen"\ncontext_window = 2048\n',
        )
        result = project.pytest("--llm-endpoint=native", "--llm-rounds=1")
        result.assert_outcomes(passed=3)
        facts = project.last_run()["endpoints"]["native"]
        assert (facts["kind"], facts["server"], facts["quantization"]) == (
            "ollama",
            "ollama 0.12.1",
            "Q4_K_M",
        )
        assert {sample["tokens_from"] for sample in samples(project)} == {"usage"}
        chats = [body for path, body in standin.seen if path == "/api/chat"]
        assert {body["options"]["num_ctx"] for body in chats} == {2048}
        standin.fail_after = 2
        result = project.pytest("--llm-endpoint=native", "--llm-rounds=1", "--llm-warmup=0")
    assert result.ret == 1
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["*an error was encountered while running the model*"])


COLD = """\
scenarios:
- id: first-answer
  prompt: {en: Say hello.}
  cold: true
"""


@pytest.mark.parametrize("priced", ["", "price = {input = 1, output = 1}\n"], ids=["free", "priced"])
def test_a_cold_start_of_an_ollama_is_its_load_duration(project: Any, priced: str) -> None:
    """Against a stand-in. Every round unloads the model, and its answer says how long loading took."""
    (project.path / "suites" / "mine.eval.yaml").write_text(COLD, encoding="utf-8")
    with ollama_standin.running() as (url, standin):
        configure(project, f'[endpoints.native]\nkind = "ollama"\nurl = "{url}"\n{priced}')
        ceiling = ["--llm-max-cost=9"] if priced else []
        result = project.pytest("--llm-endpoint=native", "--llm-rounds=2", *ceiling)
        result.assert_outcomes(passed=1)
    asked = [path for path, _ in standin.seen if path in {"/api/generate", "/api/chat"}]
    assert asked == ["/api/generate", "/api/chat"] * 2, "no warm-up loads it before"
    for sample in samples(project):
        assert sample["cold_start_s"] == pytest.approx(ollama_standin.LOAD_S)
        assert 0 < sample["cold_ttft_s"] < sample["ttft_s"]


# -- completions -------------------------------------------------------------------------------------------


def test_a_gap_is_filled_by_the_completions_api_and_by_a_callable(
    project: Any, answering: Callable[..., str]
) -> None:
    (project.path / "suites" / "mine.eval.yaml").write_text(GAP, encoding="utf-8")
    (project.path / "assistant.py").write_text(APP, encoding="utf-8")
    url = answering(answers={"def add": "    return a + b"})
    configure(
        project,
        f'[endpoints.base]\nurl = "{url}"\napi = "completions"\n'
        f'[endpoints.chat]\nurl = "{url}"\n'
        '[endpoints.fills]\nkind = "function"\ncall = "assistant:fills"\n'
        '[endpoints.plain]\nkind = "function"\ncall = "assistant:streamed"\n',
    )
    project.pytest("--llm-endpoint=base", "--llm-endpoint=fills", "--llm-rounds=1").assert_outcomes(passed=2)
    asked = [one["body"] for one in mock_server.log(url) if one["path"] == "/v1/completions"]
    assert [(one["prompt"], one["suffix"]) for one in asked if "suffix" in one] == [
        ("def add(a, b):\n", "\n\nprint(add(1, 2))\n")
    ]
    first, second = samples(project)
    assert first["score"] == second["score"], "the same code, the same score"
    assert first["score"]["quality"] > 8
    result = project.pytest("--llm-endpoint=chat", "--llm-endpoint=plain", "--llm-rounds=1", "--llm-warmup=0")
    assert result.ret == 1
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            '*has a suffix (fill-in-the-middle), and the chat API has none: set api = "completions"*',
            "*and assistant:streamed has no parameter of this name*",
        ]
    )
