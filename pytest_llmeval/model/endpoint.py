"""What is asked: a configured target, its price, its server, what it says it is."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field


class Price(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a million tokens cost, in the currency that the project uses throughout."""

    input: float
    output: float


class ManagedServer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an endpoint's server is started and stopped by the run: the table ``[endpoints.NAME.server]``.

    ``{port}`` in ``command``, ``env`` and ``ready`` is ``port``, else that of the endpoint's URL, else a free
    one. ``install`` says how to get the command; it is shown, and run only where the user asked for that.
    ``ready``: a path below the server's root, or a URL, that answers ``ready_status`` once it serves. Servers
    of one ``exclusive`` group are never up at the same time.
    """

    command: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    cwd: str | None = None
    port: int | None = None
    install: str | None = None
    ready: str = "/health"
    ready_status: int = 200
    timeout_s: float = 300.0
    stop_signal: str = "SIGTERM"
    grace_s: float = 10.0
    exclusive: str | None = None


class Timeouts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How long a server may be silent, beside the limit of a whole request; None: that one alone.

    ``connect_s``: until connected, and while it says that it loads its model. ``first_s``: from the request
    to the first bytes of the answer; ``between_s``: from one read to the next.
    """

    connect_s: float = 30.0
    first_s: float | None = None
    between_s: float | None = None


class Endpoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A configured target: one table ``[endpoints.NAME]`` of ``llmeval.toml``, or one ``--llm-endpoint``.

    ``max_tokens`` -1 means as much as fits. ``path`` is the folder of a ``replay`` endpoint or the GGUF file
    of a ``local`` one. ``cache``: ``cold`` defeats the server's prefix cache, ``warm`` measures with it.
    ``metrics``: the URL of the server's Prometheus page where it is not ``/metrics`` of a server we know;
    ``gpu_metrics``: that of a DCGM exporter beside it. ``server``: the run starts it. ``request`` and
    ``text`` of an ``http`` endpoint: its body as a template, and where in the answer the text is. ``call`` of
    a ``function`` endpoint: ``package.module:name``, looked for below ``path`` too. ``api``: the route of an
    OpenAI-compatible server.
    """

    name: str = ""
    kind: str = "openai"
    url: str | None = None
    model: str | None = None
    path: str | None = None
    api_key: str | None = None
    api_key_env: str | None = None
    api_key_file: str | None = None
    context_window: int | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    concurrency: int = 1
    cache: Literal["cold", "warm"] = "cold"
    price: Price | None = None
    metrics: str | None = None
    gpu_metrics: str | None = None
    server: ManagedServer | None = None
    request: dict[str, Any] | None = None
    text: str | None = None
    call: str | None = None
    api: Literal["chat", "completions"] = "chat"
    timeouts: Timeouts = Timeouts()

    @property
    def form(self) -> dict[str, object]:
        """What it changes in the form of every question; empty where nothing is.

        The same prompt on another route, in another body or with a warm cache is another question.
        """
        default = Endpoint()
        chosen = {name: getattr(self, name) for name in ("api", "cache", "request")}
        return {name: value for name, value in chosen.items() if value != getattr(default, name)}


class Facts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an endpoint *is*, as it says itself. ``server`` is ``"<name> <version>"``, e.g. ``vllm 0.32.0``.

    ``context_window`` in tokens per stream. ``here``: the server runs on the machine of the run (loopback),
    so that timings belong to this hardware.
    """

    kind: str
    server: str | None = None
    model: str | None = None
    quantization: str | None = None
    context_window: int | None = None
    here: bool = False
