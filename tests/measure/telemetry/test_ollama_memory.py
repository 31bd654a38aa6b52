"""Ollama's list of loaded models, in the form of its documentation."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.errors import TelemetryError
from pytest_llmeval.measure.telemetry.ollama import Ollama, figures
from pytest_llmeval.measure.telemetry.page import Page

LOADED = {
    "models": [
        {
            "name": "mistral:latest",
            "model": "mistral:latest",
            "size": 5137025024,
            "digest": "2ae6f6dd7a3dd734790bbbf58b8909a606e0e7e97e94b7604e0aa7ae4490e6d8",
            "details": {"family": "llama", "parameter_size": "7.2B", "quantization_level": "Q4_0"},
            "expires_at": "2024-06-04T14:38:31.83753-07:00",
            "size_vram": 3000000000,
            "context_length": 4096,
        },
        {"name": "qwen:7b", "size": 1000, "size_vram": 0},
    ]
}


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("mistral", (5137025024.0, 3e9)),
        ("mistral:latest", (5137025024.0, 3e9)),
        ("qwen:7b", (1000.0, 0.0)),
        (None, (5137026024.0, 3e9)),
    ],
)
def test_where_a_model_lies(model: str | None, told: tuple[float, float]) -> None:
    assert figures(json.dumps(LOADED).encode(), model) == {
        "model_memory_bytes": told[0],
        "model_gpu_memory_bytes": told[1],
    }


@pytest.mark.parametrize("body", [b'{"models": []}', b'{"models": null}', json.dumps(LOADED).encode()])
def test_a_model_that_is_not_loaded(body: bytes) -> None:
    assert figures(body, "llama3") == {}


def test_an_older_answer_without_vram() -> None:
    assert figures(b'{"models": [{"name": "a:latest", "size": 7}]}', "a") == {"model_memory_bytes": 7.0}


@pytest.mark.parametrize("size", ["-1", "9" * 400, "1e400"])
def test_what_no_memory_is(size: str) -> None:
    with pytest.raises(TelemetryError, match="/api/ps does not answer as Ollama's does"):
        figures(b'{"models": [{"name": "a", "size": %s}]}' % size.encode(), "a")


@given(st.binary() | st.sampled_from([b"{}", b"[]", b'{"models": 3}', b'{"models": [{"size": "big"}]}']))
def test_something_else(body: bytes) -> None:
    with pytest.raises(TelemetryError, match="/api/ps does not answer as Ollama's does"):
        figures(body, "a")


def test_as_a_source(pages) -> None:
    pages.respond = lambda path: (200, json.dumps(LOADED).encode())
    source = Ollama(Page(f"{pages.url}/api/ps"), "mistral")
    assert source.read()()["model_gpu_memory_bytes"] == 3e9
    source.close()
