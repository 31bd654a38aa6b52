"""``llmeval probe URL``: what a server is, how fast one tiny request is, and the TOML to paste."""

from __future__ import annotations

import argparse
import asyncio
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec import structs

from pytest_llmeval import settings
from pytest_llmeval.errors import EndpointError, SettingsError
from pytest_llmeval.measure import timing
from pytest_llmeval.measure.discreet import Discreet
from pytest_llmeval.measure.endpoints import connect
from pytest_llmeval.model import Request
from pytest_llmeval.report import safe
from pytest_llmeval.secret import Blotter

from . import place, section

if TYPE_CHECKING:
    from pytest_llmeval.model import Endpoint, Facts, Response

PROMPT = "Count from one to ten in words."
TOKENS = 24
_UNKNOWN = {"openai": "OpenAI-compatible, not recognised", "function": "a callable of this project"}
EXAMPLE = """\
examples:
  llmeval probe http://localhost:8000
  LLMEVAL_API_KEY=… llmeval probe https://api.example.com/v1 --model=NAME
  llmeval probe vllm-awq                 an endpoint of llmeval.toml

exit code: 0 it answered, 1 its answer failed, 2 it can't be reached, or wrong usage
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "probe",
        help="say what a server is, and print its section for llmeval.toml",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("endpoint", metavar="URL", help="a URL, or the name of a configured endpoint")
    parser.add_argument("--model", metavar="NAME", help="the model to ask, where the server offers several")
    parser.set_defaults(run=_probe)


def _probe(options: argparse.Namespace) -> int:
    try:
        found = settings.resolve(
            {"endpoint": [options.endpoint], "model": options.model},
            environ={name: value for name, value in os.environ.items() if name != "LLMEVAL_ENDPOINT"},
            rootdir=place.root(),
        )
    except SettingsError as error:
        where = None if error.where == "--llm-endpoint" else error.where  # here it is no option
        raise SettingsError(error.what, where=where, hint=error.hint) from None
    [endpoint] = found.endpoints
    if endpoint.url is None and endpoint.kind != "function":
        raise EndpointError("only a server with a URL can be probed", where=options.endpoint)
    facts, response = asyncio.run(_ask(endpoint, found.secrets.get(endpoint.name)))
    for name, value in _told(facts, response):
        print(f"{name:<15} {safe.line(value)}")
    if response.failure is None:
        print(f"\n{safe.block(_section(endpoint, facts))}")
        return 0
    print(f"\nthe request failed: {safe.line(response.failure.message)}")
    return 1


async def _ask(endpoint: Endpoint, key: str | None) -> tuple[Facts, Response]:
    client = Discreet(connect(endpoint, api_key=key), Blotter([key] if key else []))
    try:
        facts = await client.describe()
        messages = (("user", PROMPT),)
        return facts, await client.stream(Request(messages=messages, max_tokens=TOKENS))
    finally:
        await client.aclose()


def _told(facts: Facts, response: Response) -> list[tuple[str, str]]:
    """What was found, a line each; what the server does not tell is not listed."""
    figures = timing.of(response)
    window = f"{facts.context_window:,} tokens a stream" if facts.context_window else None
    ttft = f"{figures.ttft_s * 1e3:.0f} ms" if figures.ttft_s is not None else None
    speed = f"{figures.output_tps:.1f} tok/s" if figures.output_tps is not None else None
    lines = {
        "server": facts.server or _UNKNOWN.get(facts.kind, "not told"),
        "model": facts.model,
        "quantization": facts.quantization,
        "context window": window,
        "runs here": "yes" if facts.here else "no",
        "first token": ttft,
        "speed": speed and f"{speed} over {figures.completion_tokens} tokens ({figures.tokens_from})",
        "prefix cache": {"cold": "defeated", "unknown": "can't be defeated: only a first round counts"}.get(
            response.cache, "warm"
        ),
    }
    return [(name, value) for name, value in lines.items() if value]


def _section(endpoint: Endpoint, facts: Facts) -> str:
    """A table for ``llmeval.toml``."""
    host = urlsplit(endpoint.url or "").hostname or ""
    is_function = endpoint.kind == "function"
    known = structs.replace(
        endpoint,
        name=section.name(facts.model or host) if endpoint.name == "default" else endpoint.name,
        kind=_native(endpoint, facts),
        model=None if is_function else facts.model,
        path=None if is_function else endpoint.path,  # of a function the project's own folder
    )
    return section.text(known)


def _native(endpoint: Endpoint, facts: Facts) -> str:
    """The kind that gets most out of a server: Ollama's own API tells more than its OpenAI-compatible one."""
    is_ollama = facts.server is not None and facts.server.split(" ")[0] == "ollama"
    return "ollama" if is_ollama and endpoint.kind == "openai" and endpoint.api == "chat" else endpoint.kind
