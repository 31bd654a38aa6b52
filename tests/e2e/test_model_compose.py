"""model-compose for real: its workflow API as a service under test, whole and streamed.

``tox -e e2e-compose`` installs it and runs this; by hand: with ``model-compose`` on the PATH. Its model is
the mock server, so that what passes through the workflow is known to the byte.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import mock_server
import pytest

from pytest_llmeval.measure.managed import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        shutil.which("model-compose") is None, reason="needs model-compose: pip install model-compose"
    ),
]
ANSWER = "Here it is.\n\n```python\ndef add(a, b):\n    return a + b\n```\n"
SUITE = """\
scenarios:
- id: add
  prompt: {en: "Write add(a, b)."}
  answer: {code: python, requires: ["add(a, b)"]}
  checks: [{call: "add(2, 3)", equals: 5}]
  parameters: {temperature: 0.5}
"""
COMPOSE = """\
controller:
  adapter: {type: http-server, port: "${env.COMPOSE_PORT}", base_path: /api}

workflows:
- id: whole
  default: true
  job:
    component: model
    action: whole
    input: {prompt: "${input.prompt}", temperature: "${input.temperature as number}"}
    output: {text: "${output}"}
- id: streamed
  job:
    component: model
    action: streamed
    input: {prompt: "${input.prompt}", temperature: "${input.temperature as number}"}
    output: ${output as stream/text}

component:
  id: model
  type: http-client
  base_url: ${env.MODEL_URL}
  actions:
  - id: whole
    path: /v1/chat/completions
    method: POST
    headers: {Content-Type: application/json}
    body:
      model: mock
      temperature: ${input.temperature}
      messages: [{role: user, content: "${input.prompt}"}]
    output: ${response.choices[0].message.content}
  - id: streamed
    path: /v1/chat/completions
    method: POST
    headers: {Content-Type: application/json}
    body:
      model: mock
      temperature: ${input.temperature}
      messages: [{role: user, content: "${input.prompt}"}]
      stream: true
    stream_format: json
    output: ${response[].choices[0].delta.content}
"""
ENDPOINT = """\
[endpoints.{name}]
kind = "http"
url = "http://127.0.0.1:{port}/api/workflows/runs"
{text}
[endpoints.{name}.request]
workflow_id = "{name}"
input = {{ prompt = "{{prompt}}", temperature = "{{temperature}}" }}
output_only = true
[endpoints.{name}.server]
command = ["model-compose", "up"]
env = {{ COMPOSE_PORT = "{{port}}", MODEL_URL = "{url}" }}
ready = "/api/health"
exclusive = "compose"
"""


@pytest.fixture
def run(pytester: pytest.Pytester, mock: str) -> Callable[..., dict[str, Any]]:
    """Run the workflows' cells, one round of each, and read the run file."""

    def run(*, outcome: str, **behaviour: Any) -> dict[str, Any]:
        mock_server.control(mock, answers={"Write add": ANSWER}, gap_s=0.02, **behaviour)
        (pytester.path / "model-compose.yml").write_text(COMPOSE, "utf-8")
        (pytester.path / "mine.eval.yaml").write_text(SUITE, "utf-8")
        texts = {"whole": 'text = "text"', "streamed": ""}
        endpoints = (
            ENDPOINT.format(name=name, port=free_port(), url=mock, text=text) for name, text in texts.items()
        )
        (pytester.path / "llmeval.toml").write_text("\n".join(endpoints), "utf-8")
        done = pytester.runpytest_subprocess(
            "--llm-endpoint=all", "--llm-rounds=1", "--llm-warmup=0", "-Wignore::pytest.PytestWarning"
        )
        done.assert_outcomes(**{outcome: 2})
        last = json.loads((pytester.path / ".llmeval" / "last-run.json").read_text("utf-8"))
        found: dict[str, Any] = json.loads((pytester.path / last["run"]).read_text("utf-8"))
        return found

    return run


def test_a_workflow_whole_and_streamed(run: Callable[..., dict[str, Any]], mock: str) -> None:
    found = run(outcome="passed")
    assert {name: one["starts"] for name, one in found["servers"].items()} == {"whole": 1, "streamed": 1}
    samples = {cell["endpoint"]: cell["samples"][0] for cell in found["cells"]}
    assert {one["answer_sha256"] for one in samples.values()} == {samples["whole"]["answer_sha256"]}
    assert all(one["score"]["correctness"] == 10 for one in samples.values()), "no newline was lost"
    bodies = [entry["body"] for entry in mock_server.log(mock) if "messages" in entry["body"]]
    assert [(body["messages"][0]["content"], body["temperature"]) for body in bodies] == [
        ("Write add(a, b).", 0.5)
    ] * 2
    assert "gap_p50_s" not in samples["whole"]
    assert samples["streamed"]["gap_p50_s"] > 0.01, "tokens came one by one"
    assert samples["streamed"]["ttft_s"] < samples["streamed"]["latency_s"] / 2


def test_a_workflow_that_fails_says_why(run: Callable[..., dict[str, Any]]) -> None:
    found = run(outcome="failed", status=500)
    errors = [cell["samples"][0]["error"] for cell in found["cells"]]
    assert {(one["kind"], one["status"]) for one in errors} == {("http_5xx", 500)}
    assert all("mock error" in one["message"] for one in errors)
