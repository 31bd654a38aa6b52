"""Ollama's own API. It says more than its OpenAI-compatible one: load, prompt and generation times.

Written to its reference and held to a stand-in; not tried on a running Ollama. Its trap: a prompt longer than
the context, which without ``num_ctx`` may be 4,096 tokens whatever the model could, is cut from the front and
answered all the same. What the endpoint configures as ``context_window`` is sent as ``num_ctx``, and a prompt
of which too little was read is a ``context_overflow``.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Unpack

from msgspec import structs

from pytest_llmeval import wire
from pytest_llmeval.errors import EndpointError
from pytest_llmeval.measure import budget, exchange, foreign, ndjson, timing
from pytest_llmeval.measure.exchange import Channel, Options
from pytest_llmeval.measure.route import is_loopback
from pytest_llmeval.model import Facts, Failure

from . import probe

if TYPE_CHECKING:
    from pytest_llmeval.model import Endpoint, Request, Response

    from .protocol import OnRead

UNLOAD_S = 15.0
"""How long a model may take to be gone."""
_POLL_S = 0.05
SMALLEST_WINDOW = 4096
"""The context where nobody asked for one, on a GPU below 24 GiB."""
BEYOND_HALF = 8
"""Tokens that a cut prompt may have beyond half of the context; 2 and 3 were seen by others."""


class OllamaClient:
    """``protocol.Client`` of a model on an Ollama server. With ``facts`` nothing is probed."""

    def __init__(self, endpoint: Endpoint, *, facts: Facts | None = None, **options: Unpack[Options]) -> None:
        self.endpoint = endpoint
        self._base = probe.base_of(probe.url_of(endpoint).rstrip("/").removesuffix("/api"))
        self._channel = Channel(self._base.api, endpoint.timeouts, **options)
        self._url = self._base.beside("api/chat")
        self._facts = facts
        self._asked_window = False

    async def describe(self) -> Facts:
        """Version, model, quantisation and context, asked once."""
        if self._facts is None:
            self._facts = await self._described()
        return self._facts

    async def _described(self) -> Facts:
        ask = self._probe()
        version = probe.text_of(await ask.required(self._base.beside("api/version")), "version")
        if version is None:
            raise EndpointError(
                "this does not look like Ollama: it tells no version",
                where=str(self._base.beside("api/version")),
                hint='for other servers set kind = "openai"',
            )
        tags = await ask.required(self._base.beside("api/tags"))
        names = [one["name"] for one in _models(tags)]
        model = probe.chosen_name(_tagged(self.endpoint.model, names), names, self._base.beside("api/tags"))
        shown = await ask.optional(self._base.beside("api/show"), {"model": model})
        return Facts(
            kind=self.endpoint.kind,
            server=f"ollama {version}",
            model=model,
            quantization=probe.text_of(shown.get("details"), "quantization_level"),
            context_window=self.endpoint.context_window
            or probe.count_of(await self._loaded(ask, model), "context_length"),
            here=is_loopback(self._base.api),
        )

    def _probe(self) -> probe.Probe:
        return probe.Probe(self._channel, self._base, self.endpoint.timeouts.connect_s)

    async def _loaded(self, ask: probe.Probe, model: str | None) -> Any:
        """The model as it is loaded now; None if it is not."""
        running = await ask.optional(self._base.beside("api/ps"))
        return next((one for one in _models(running) if one["name"] == model), None)

    async def stream(self, request: Request, on_read: OnRead | None = None) -> Response:
        """Send one request. Raises ``UsageError`` for a bad one."""
        exchange.validate(request, self.endpoint.name)
        if request.suffix is not None:
            why = 'this kind asks the chat API; use kind = "openai" with api = "completions" here'
            return exchange.unasked(exchange.no_suffix(why))
        try:
            facts = await self.describe()
        except EndpointError as error:
            return exchange.unasked(Failure("connect", str(error)))
        body = self._body(request, facts)
        response, _ = await self._channel.ask(self._url, body, request, ndjson.assemble, on_read)
        cache = "warm" if self.endpoint.cache == "warm" else "unknown"
        miscount = timing.miscount(response, facts.server)
        response = structs.replace(response, cache=cache, notes=(miscount,) if miscount else ())
        if response.failure is not None:
            return response
        cut = cut_prompt(request, response, await self._window(facts))
        return structs.replace(response, failure=cut) if cut else response

    async def _window(self, facts: Facts) -> int | None:
        """The model's context; of one that was not loaded when it was described it is asked for once more."""
        if facts.context_window is None and not self._asked_window:
            self._asked_window = True
            window = probe.count_of(await self._loaded(self._probe(), facts.model), "context_length")
            facts = self._facts = structs.replace(facts, context_window=window)
        return facts.context_window

    async def unload(self) -> None:
        """See ``Unloads``. Ollama answers at once, and lists a model until it is gone."""
        facts = await self.describe()
        ask = self._probe()
        await ask.required(self._base.beside("api/generate"), {"model": facts.model, "keep_alive": 0})
        give_up = time.monotonic() + UNLOAD_S
        while await self._loaded(ask, facts.model):
            if time.monotonic() > give_up:
                raise EndpointError(
                    f"{facts.model} is still loaded {UNLOAD_S:g} s after it was to be unloaded",
                    where=str(self._base.beside("api/ps")),
                    hint="is somebody else asking it?",
                )
            await asyncio.sleep(_POLL_S)

    async def aclose(self) -> None:
        """Close every connection. Safe to call twice."""
        await self._channel.aclose()

    def _body(self, request: Request, facts: Facts) -> dict[str, Any]:
        prompt_tokens = budget.estimate_tokens(text for _, text in request.messages)
        limit = budget.max_tokens(
            request.max_tokens, window=facts.context_window, prompt_tokens=prompt_tokens
        )
        options: dict[str, Any] = {"temperature": request.temperature}
        if request.seed is not None:
            options["seed"] = request.seed
        if limit is not None:
            options["num_predict"] = limit
        if self.endpoint.context_window is not None:
            options["num_ctx"] = self.endpoint.context_window
        return {
            "model": facts.model,
            "messages": [{"role": role, "content": wire.text(text)} for role, text in request.messages],
            "stream": True,
            "options": options,
        }


def cut_prompt(request: Request, response: Response, window: int | None) -> Failure | None:
    """The failure of an answer to a prompt that was cut silently; None if it was read, or nobody can tell.

    The server says how many tokens it read. Today's read half of the context and two or three more of a
    prompt beyond it (ollama issues 3839, 17427, 17889). Of others a whole prompt has at least
    `budget.least_tokens`; a cut one still fills a quarter of the context, while far fewer mean that the rest
    was in the cache.
    """
    if response.usage is None:
        return None
    texts = [text for _, text in request.messages]
    read, least, likely = (
        response.usage.prompt_tokens,
        budget.least_tokens(texts),
        budget.estimate_tokens(texts),
    )
    known = window or SMALLEST_WINDOW
    if likely > known and 0 <= read - known // 2 <= BEYOND_HALF:
        prompt_tokens, whole = likely, f"about {likely:,}"
    elif known // 4 <= read < least:
        prompt_tokens, whole = least, f"at least {least:,}"
    else:
        return None
    return Failure(
        "context_overflow",
        f"the server cut the prompt silently: it read {read:,} tokens of {whole}; "
        "raise the endpoint's context_window",
        status=200,
        prompt_tokens=prompt_tokens,
        context_window=window,
    )


def _tagged(model: str | None, names: list[str]) -> str | None:
    """``qwen`` is ``qwen:latest`` to Ollama."""
    return f"{model}:latest" if model and model not in names and ":" not in model else model


def _models(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries that have a usable name."""
    listed = data.get("models")
    every = listed if isinstance(listed, list) else []
    return [one for one in every if isinstance(one, dict) and foreign.identifier(one.get("name"))]
