"""What servers say of themselves, and how they refuse, that almost fits: a client describes, then asks them.

Each example is one server: a page for every route that a client may ask, and what it answers to a prompt.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import httpx
import msgspec
from fuzz_mutations import any_of, mutated, seeds

from pytest_llmeval import wire
from pytest_llmeval.errors import EndpointError
from pytest_llmeval.measure.endpoints.ollama import OllamaClient
from pytest_llmeval.measure.endpoints.openai import OpenAIClient
from pytest_llmeval.measure.foreign import LONGEST_NAME
from pytest_llmeval.model import Endpoint, Facts, Request, Response, Timeouts

if TYPE_CHECKING:
    from random import Random

_VLLM = {"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 2048}]}
_LLAMA = {
    "data": [{"id": "m", "owned_by": "llamacpp", "aliases": ["n"], "meta": {"n_ctx": 2048, "ftype": "Q4"}}]
}
_OTHER = {"data": [{"id": "m", "owned_by": "me"}]}
_PROPS = {"build_info": "b1", "model_ftype": "Q4", "default_generation_settings": {"n_ctx": 2048}}
_LISTED = {"models": [{"name": "m:latest", "size": 5, "size_vram": 5, "context_length": 2048}]}
_PAGES = {
    "/v1/models": any_of(_VLLM, _LLAMA, _OTHER),
    "/version": any_of({"version": "0.1"}),
    "/props": any_of(_PROPS),
    "/api/version": any_of({"version": "0.1"}, {}),
    "/api/show": any_of({"details": {"quantization_level": "Q4"}}),
    "/api/tags": any_of(_LISTED),
    "/api/ps": any_of(_LISTED, {"models": []}),
}
_STATUS = (200, 200, 200, 200, 404, 500)
_STREAMS = {"openai": "sse", "ollama": "ndjson"}
_ASKED = Request(messages=(("system", "s"), ("user", "u")), max_tokens=8, seed=1)


class Case(NamedTuple):
    """``pages``: path -> status and body. ``answers``: the same, one after the other, to prompts."""

    kind: str
    model: str | None
    pages: dict[str, tuple[int, bytes]]
    answers: list[tuple[int, bytes]]


def make(chance: Random) -> Case:
    """One example."""
    kind = chance.choice(("openai", "openai", "ollama"))
    refused, streamed = mutated(seeds("refusal")), mutated(seeds(_STREAMS[kind]))
    pages = {path: (chance.choice(_STATUS), page(chance)) for path, page in _PAGES.items()}
    answers = [(chance.choice((400, 404, 422, 500)), refused(chance)) for _ in range(chance.randint(0, 3))]
    return Case(kind, chance.choice((None, None, "m", "n")), pages, [*answers, (200, streamed(chance))])


def check(case: Case) -> None:
    """It is described or refused in words, answers or fails, and what a run keeps of it can be written."""
    answers = iter(case.answers)

    def answer(request: httpx.Request) -> httpx.Response:
        known = case.pages.get(request.url.path)
        status, body = known or next(answers, case.answers[-1])
        return httpx.Response(status, content=body)

    async def main() -> None:
        endpoint = Endpoint(
            name="e", kind=case.kind, url="http://h", model=case.model, timeouts=Timeouts(connect_s=1)
        )
        kind = OpenAIClient if case.kind == "openai" else OllamaClient
        client = kind(endpoint, transport=httpx.MockTransport(answer))
        try:
            facts = await client.describe()
            response = await client.stream(_ASKED)
        except EndpointError as error:
            _check_words(error)
            return
        finally:
            await client.aclose()
        _check_kept(facts, response)

    asyncio.run(main())


def _check_words(error: EndpointError) -> None:
    assert len(str(error)) < 60 * LONGEST_NAME


def _check_kept(facts: Facts, response: Response) -> None:
    msgspec.json.encode(wire.plain((facts, response)))
    for fact in (facts.server, facts.model, facts.quantization):
        assert fact is None or len(fact) <= 2 * LONGEST_NAME
