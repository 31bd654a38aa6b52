"""Error answers -> Failure: the forms of real servers, old and new, with their numbers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.measure import failures

OVERFLOWS = [
    pytest.param(
        "This model's maximum context length is 32768 tokens. However, you requested 54692 tokens (21924 in "
        "the messages, 32768 in the completion). Please reduce the length of the messages or completion.",
        (21924, 32768, 54692),
        id="vllm-0.5",
    ),
    pytest.param(
        "'max_tokens' or 'max_completion_tokens' is too large: 32768. This model's maximum context length is "
        "32768 tokens and your request has 21924 input tokens (32768 > 32768 - 21924).",
        (21924, 32768, None),
        id="vllm-0.10",
    ),
    pytest.param(
        "This model's maximum context length is 2048 tokens. However, your prompt contains 2049 input "
        "tokens, which exceeds this limit even without any output tokens.",
        (2049, 2048, None),
        id="vllm-0.32-slow-tokenizer",
    ),
    pytest.param(
        "This model's maximum context length is 2048 tokens. However, your prompt contains 900000 characters "
        "(more than 524288 characters, which is the upper bound for 2048 input tokens).",
        (None, 2048, None),
        id="vllm-0.32-long-before-counting",
    ),
    pytest.param(
        "The prompt (total length 25938) is too long to fit into the model (context length 4096). Make sure "
        "that `max_model_len` is no smaller than the number of text tokens plus multimodal tokens.",
        (25938, 4096, None),
        id="vllm-0.6",
    ),
    pytest.param(
        "The decoder prompt (length 25938) is longer than the maximum model length of 4096. Make sure that "
        "`max_model_len` is no smaller than the number of text tokens.",
        (25938, 4096, None),
        id="vllm-0.9",
    ),
    pytest.param(
        "This model's maximum context length is 2048 tokens. However, your request has 8 input tokens plus "
        "2045 'max_tokens'. Please reduce one or the other. (parameter=input_tokens, max_tokens, value=(8, "
        "2045))",
        (8, 2048, None),
        id="vllm-0.15",
    ),
    pytest.param(
        "This model's maximum context length is 4097 tokens, however you requested 4927 tokens (3927 in your "
        "prompt; 1000 for the completion). Please reduce your prompt; or completion length.",
        (3927, 4097, 4927),
        id="openai-completions",
    ),
    pytest.param(
        "This model's maximum context length is 8192 tokens. "
        "However, your messages resulted in 10000 tokens.",
        (10000, 8192, None),
        id="openai-chat",
    ),
    pytest.param(
        "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a "
        "total of 5000 tokens: 4000 tokens from the input messages and 1000 tokens for the completion.",
        (4000, 4096, 5000),
        id="sglang",
    ),
    pytest.param(
        "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
        (5000, 4096, None),
        id="sglang-prompt",
    ),
    pytest.param(
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` "
        "tokens and 1000 `max_new_tokens`",
        (4000, 4096, None),
        id="tgi",
    ),
    pytest.param(
        "prompt is too long: 200251 tokens > 199999 maximum", (200251, 199999, None), id="anthropic"
    ),
    pytest.param(
        "input length and `max_tokens` exceed context limit: 143653 + 64000 > 200000, decrease input length "
        "or `max_tokens` and try again",
        (143653, 200000, None),
        id="anthropic-with-max-tokens",
    ),
    pytest.param(
        "Input length (160062 tokens) exceeds the maximum allowed length (59862 tokens). Use a shorter input "
        "or enable --allow-auto-truncate.",
        (160062, 59862, None),
        id="sglang-memory",
    ),
    pytest.param(
        "request (53192 tokens) exceeds context size (50176 tokens)",
        (53192, 50176, None),
        id="llama.cpp-older",
    ),
    pytest.param(
        "The input token count (1067803) exceeds the maximum number of tokens allowed (1048575).",
        (1067803, 1048575, None),
        id="gemini",
    ),
]


@pytest.mark.parametrize(("message", "numbers"), OVERFLOWS)
@pytest.mark.parametrize(
    "form",
    [
        lambda message: {"error": {"message": message, "type": "BadRequestError", "code": 400}},
        lambda message: {"object": "error", "message": message, "code": 400},
        lambda message: {"error": message, "error_type": "validation"},
        lambda message: {"detail": message},
    ],
    ids=["openai", "vllm-0.8", "text", "fastapi"],
)
def test_context_overflow_with_its_numbers(message: str, numbers: tuple[int | None, ...], form: Any) -> None:
    failure = failures.of_answer(400, json.dumps(form(message)).encode())
    assert failure.kind == "context_overflow"
    assert (failure.prompt_tokens, failure.context_window, failure.requested_tokens) == numbers
    assert failure.message == message


@pytest.mark.parametrize(
    ("case", "kind", "message"),
    [
        ("vllm/15_unknown_model", "http_4xx", "The model `no-such-model` does not exist."),
        ("vllm/17_empty_messages", "http_4xx", "Cannot apply chat template to an empty conversation."),
        ("vllm/25_not_found", "http_4xx", "Not Found"),
        ("vllm/13_max_tokens_too_large", "context_overflow", "max_tokens=8192 cannot be greater than"),
        ("llama.cpp/16_malformed_json", "http_4xx", "[json.exception.parse_error.101]"),
        ("llama.cpp/14_prompt_too_long", "context_overflow", "request (2278 tokens) exceeds"),
        ("llama.cpp/29_while_loading_0.5b", "http_5xx", "Loading model"),
    ],
)
def test_real_refusals(transcript: Any, case: str, kind: str, message: str) -> None:
    answer = transcript(case)
    failure = failures.of_answer(answer.status, answer.body)
    assert failure.kind == kind
    assert failure.status == answer.status
    assert failure.message.startswith(message)


def test_vllm_max_tokens_alone_too_large(transcript: Any) -> None:
    answer = transcript("vllm/13_max_tokens_too_large")
    assert failures.of_answer(answer.status, answer.body).context_window == 2048


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (429, b'{"error":{"message":"slow down"}}', "rate_limited", "slow down"),
        (502, b"<html><style>p{}</style><h1>Bad  Gateway</h1>\n</html>", "http_5xx", "Bad Gateway"),
        (500, b"", "http_5xx", "HTTP 500 without a message"),
        (500, b"{}", "http_5xx", "HTTP 500 without a message"),
        (404, b'{"error":"model \\"x\\" not found"}', "http_4xx", 'model "x" not found'),
        (422, b'{"detail":[{"msg":"field required","loc":["a"]},{"msg":"too long"}]}', "http_4xx", None),
        (503, b"\xff\xfe", "http_5xx", "\ufffd\ufffd"),
    ],
)
def test_forms(status: int, body: bytes, kind: str, message: str | None) -> None:
    failure = failures.of_answer(status, body)
    assert failure.kind == kind
    assert failure.message == (message or "field required; too long")


@given(st.integers(400, 599), st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_any_body_is_a_failure(status: int, body: bytes) -> None:
    failure = failures.of_answer(status, body)
    assert failure.status == status
    assert failure.message


VALUE = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.text(max_size=3))
)


@given(
    st.dictionaries(st.sampled_from(["message", "code", "type", "n_ctx", "n_prompt_tokens", "detail"]), VALUE)
)
def test_any_error_object_is_a_failure(error: dict[str, Any]) -> None:
    for data in ({"error": error}, {"object": "error", **error}):
        failure = failures.of_answer(400, json.dumps(data).encode())
        assert failure.message
        assert failure.context_window is None or failure.context_window >= 0
