"""The vocabulary: frozen values that cross a wing, a process or a file.

Times are seconds (``_s``) or ``time.perf_counter_ns`` stamps (``_ns``), sizes bytes (``_bytes``). A figure
that was not measured is ``None`` here and absent in files, never 0.
"""

from __future__ import annotations

from statistics import fmean, median
from typing import Any, Literal

from msgspec import Struct, field

ErrorKind = Literal[
    "connect",
    "timeout",
    "http_4xx",
    "http_5xx",
    "rate_limited",
    "context_overflow",
    "interrupted",
    "malformed",
    "empty",
    "unsupported",
]
VerdictName = Literal["ok", "regressed", "improved", "inconclusive", "missing", "stale", "new", "not run"]
METRICS = (
    "output_tps",
    "tpot_s",
    "ttft_s",
    "latency_s",
    "load_tps",
    "cold_start_s",
    "gpu_memory_peak_bytes",
    "correctness",
    "quality",
    "clarity",
    "total",
)
"""Every metric that a policy may name. Times and memory: less is better; rates and scores: more."""
CELL_METRICS = (
    "output_tps",
    "tpot_s",
    "ttft_s",
    "latency_s",
    "load_tps",
    "cold_start_s",
    "correctness",
    "quality",
    "clarity",
    "total",
)
"""The metrics of a single cell: what a scenario's floor may name."""
SCORES = ("total", "correctness", "quality", "clarity")
"""The metrics of a ``Score``, 0-10."""
Language = str
"""A prompt language: an ISO 639-1 code, ``en`` or ``ko`` in the shipped suites."""


# -- what is asked -----------------------------------------------------------------------------------------


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


class AnswerSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What form the answer takes: ``code`` a programming language or None for prose.

    ``requires`` are names or signatures (``"class LRUCache"``, ``"fib(n)"``) that the code must define.
    """

    code: str | None = None
    requires: tuple[str, ...] = ()


class Parameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Sampling parameters of a scenario. ``max_tokens`` -1: as much as fits the context window."""

    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None


class Check(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One executed check: ``call`` returns ``equals``, or raises ``raises``, an exception's name.

    ``equals`` is any YAML value; it counts only where ``raises`` is None.
    """

    call: str
    equals: Any = None
    raises: str | None = None


class PatternCheck(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A text that a regular expression must match as a whole, or must not."""

    text: str
    matches: bool = True


class QueryCheck(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A database and what a query returns on it: ``rows``, or those of the scenario's reference (None).

    ``insert`` is SQL that fills the tables which the scenario gives.
    """

    insert: str
    rows: tuple[tuple[Any, ...], ...] | None = None


class ProseCheck(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One check of an answer in prose: it holds one of the texts ``contains``, or none of ``lacks``, or its
    length is in bounds.

    ``unit`` is what the length counts, from ``least`` to ``most``, both included.
    """

    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    unit: Literal["words", "sentences", "characters"] | None = None
    least: int = 0
    most: int = 0


class SLO(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an answer under load must keep to count as goodput; None asks nothing."""

    ttft_s: float | None = None
    tpot_s: float | None = None


class LoadPlan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a load cell asks.

    Without ``rate`` a closed loop: ``concurrency`` requests at once, ``requests`` in all. With ``rate``
    (requests a second) an open loop: each is sent when its time has come, evenly spaced (``constant``) or as
    a Poisson process; ``concurrency`` then bounds how many are under way at once, and None does not.
    """

    requests: int
    concurrency: int | None = None
    rate: float | None = None
    arrivals: Literal["poisson", "constant"] = "poisson"
    slo: SLO = SLO()


class Scenario(Struct, frozen=True, kw_only=True):
    """One prompt (per language) with its checks. ``path``/``line`` (1-based) say where it is written.

    ``given`` is what the prompt shows and the answer is about (tables of a query, code to mend), and
    ``reference`` a right answer; both may lie in the folder ``oracle``, whose frozen vectors are among the
    ``checks``. ``tests``: the source of tests that the answer's code must pass.
    ``checks``, ``patterns`` and ``queries`` are executed, ``prose_checks`` read. ``load``: a round is a batch
    of requests. ``cold``: the server is started anew for each round. ``finish``: the only way in which an
    answer may end. ``suffix``: what follows the gap that the answer is to fill, after the prompt.
    """

    suite: str
    id: str
    prompt: dict[Language, str]
    suffix: str | None = None
    category: str = "general"
    system: str | None = None
    answer: AnswerSpec = AnswerSpec()
    given: str | None = None
    reference: str | None = None
    oracle: str | None = None
    tests: str | None = None
    checks: tuple[Check, ...] = ()
    patterns: tuple[PatternCheck, ...] = ()
    queries: tuple[QueryCheck, ...] = ()
    prose_checks: tuple[ProseCheck, ...] = ()
    load: LoadPlan | None = None
    cold: bool = False
    finish: Literal["stop"] | None = None
    parameters: Parameters = Parameters()
    floor: dict[str, float] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    path: str = ""
    line: int = 1

    @property
    def is_executed(self) -> bool:
        """Whether its answers have to be executed to tell whether they are right."""
        return bool(self.checks or self.tests or self.patterns or self.queries)

    @property
    def is_checked(self) -> bool:
        """Whether anything tells right answers from wrong ones."""
        return self.is_executed or bool(self.prose_checks)


class Suite(Struct, frozen=True):
    """Scenarios of one file; several files may share a suite's name."""

    name: str
    scenarios: tuple[Scenario, ...]
    path: str


def cell_key(suite: str, scenario: str, language: Language) -> str:
    """``suite/scenario/language``: the key of a cell in baselines and verdicts."""
    return f"{suite}/{scenario}/{language}"


def suite_of(key: str) -> str:
    """The suite of a cell's key; that of an ``llm`` test is a path and holds slashes itself."""
    return key.rsplit("/", 2)[0]


class Request(Struct, frozen=True, kw_only=True):
    """One request, ready to send. ``messages`` are ``(role, content)`` pairs; ``max_tokens`` None: unlimited.

    ``suffix``: the text after the gap that is to be filled (fill-in-the-middle). ``timeout_s`` bounds the
    whole exchange, ``connect_timeout_s`` the connection.
    """

    messages: tuple[tuple[str, str], ...]
    suffix: str | None = None
    max_tokens: int | None = None
    temperature: float = 0.0
    seed: int | None = 0
    timeout_s: float = 120.0
    connect_timeout_s: float = 30.0


# -- what came back ----------------------------------------------------------------------------------------


class Chunk(Struct, frozen=True):
    """One server event that carried text. ``at_ns``: the stamp of the socket read that completed it."""

    at_ns: int
    content: str = ""
    reasoning: str = ""


class Usage(Struct, frozen=True):
    """Token counts as the server reports them; ``cached_tokens`` of the prompt came from its prefix cache."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None = None


class Failure(Struct, frozen=True, omit_defaults=True):
    """Why a request failed. ``message`` is the server's own where there is one.

    ``prompt_tokens``, ``context_window`` and ``requested_tokens``: the numbers of a ``context_overflow``.
    """

    kind: ErrorKind
    message: str
    status: int | None = None
    prompt_tokens: int | None = None
    context_window: int | None = None
    requested_tokens: int | None = None


class Response(Struct, frozen=True, kw_only=True):
    """One streamed answer with its stamps; all ``*_ns`` are ``time.perf_counter_ns`` of this process.

    ``started_ns``: the request's first byte was written. ``first_chunk_ns``: the first event of any content,
    also a role-only one. ``token_ids``: how many the server sent, where it sends them.
    ``cache``: ``cold`` (prefix cache defeated), ``warm`` or ``unknown``.
    ``lag_s``: the event loop's largest lag while the stream ran. ``transport``: who stamped it. ``notes``:
    what its client found strange, in words a person can act on.
    """

    started_ns: int
    ended_ns: int
    chunks: tuple[Chunk, ...] = ()
    first_chunk_ns: int | None = None
    finish_reason: str | None = None
    model: str | None = None
    usage: Usage | None = None
    token_ids: int | None = None
    server_timings: dict[str, float] | None = None
    failure: Failure | None = None
    transport: Literal["measured", "httpx", "replay", "function"] = "measured"
    cache: Literal["cold", "warm", "unknown"] = "unknown"
    retries: int = 0
    lag_s: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The answer, without reasoning."""
        return "".join(chunk.content for chunk in self.chunks)

    @property
    def reasoning(self) -> str:
        """The reasoning text, which is never scored."""
        return "".join(chunk.reasoning for chunk in self.chunks)


class Timing(Struct, frozen=True, kw_only=True):
    """The figures of one response, all from its stamps; definitions in ``measure.timing``."""

    ttft_s: float | None = None
    ttfc_s: float | None = None
    first_chunk_s: float | None = None
    tpot_s: float | None = None
    output_tps: float | None = None
    e2e_tps: float | None = None
    prompt_tps: float | None = None
    latency_s: float | None = None
    gap_p50_s: float | None = None
    gap_p99_s: float | None = None
    gap_max_s: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    tokens_from: Literal["usage", "token_ids", "events"] | None = None


class Score(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Scores 0-10 of one answer, with the parts that they were made of (0-10 or a plain count, by name).

    ``absent``: score -> why it could not be computed, where the scenario asks for it.
    """

    total: float | None = None
    correctness: float | None = None
    quality: float | None = None
    clarity: float | None = None
    parts: dict[str, float] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


# -- what is kept ------------------------------------------------------------------------------------------


class Sample(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request of a cell as the run file keeps it. ``at_s``: seconds since the run started.

    ``reasons`` explain the score in words a person can act on. ``void``: why its timings must not be judged.
    ``cost``: by the endpoint's price.

    Of a load cell: ``request`` is its number in the round's batch, ``queue_s`` the wait before the server
    took it up, where the server tells, ``delay_s`` how long after its scheduled time it was sent. Of a cold
    cell: ``cold_start_s`` from the server's start to healthy, ``cold_ttft_s`` from there to the first token.
    """

    round: int
    at_s: float
    ok: bool
    request: int | None = None
    finish_reason: str | None = None
    answer_sha256: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    tokens_from: Literal["usage", "token_ids", "events"] | None = None
    cached_tokens: int | None = None
    cache: Literal["cold", "warm", "unknown"] | None = None
    ttft_s: float | None = None
    ttfc_s: float | None = None
    first_chunk_s: float | None = None
    tpot_s: float | None = None
    output_tps: float | None = None
    e2e_tps: float | None = None
    prompt_tps: float | None = None
    latency_s: float | None = None
    gap_p50_s: float | None = None
    gap_p99_s: float | None = None
    gap_max_s: float | None = None
    queue_s: float | None = None
    delay_s: float | None = None
    cold_start_s: float | None = None
    cold_ttft_s: float | None = None
    client_lag_s: float | None = None
    transport: Literal["measured", "httpx", "replay", "function"] | None = None
    retries: int = 0
    void: str | None = None
    score: Score | None = None
    reasons: tuple[str, ...] = ()
    error: Failure | None = None
    partial_tokens: int | None = None
    cost: float | None = None


class Load(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The system's figures over one batch of a load cell; definitions in ``measure.load``.

    ``load_tps``: all tokens over ``wall_s``. ``goodput_rps``: good answers a second that kept the ``SLO``.
    ``fairness``: Jain's index of the answers' own tokens a second, 1 is even. ``queue_*``: waiting before the
    server took a request up. ``scheduled_*``: counted from when an open loop meant to send, not when it did.
    """

    round: int
    requests: int
    concurrency: int | None = None
    rate: float | None = None
    errors: int = 0
    wall_s: float | None = None
    load_tps: float | None = None
    request_rps: float | None = None
    goodput_rps: float | None = None
    ttft_p50_s: float | None = None
    ttft_p99_s: float | None = None
    latency_p50_s: float | None = None
    latency_p99_s: float | None = None
    scheduled_ttft_p50_s: float | None = None
    scheduled_ttft_p99_s: float | None = None
    scheduled_latency_p50_s: float | None = None
    scheduled_latency_p99_s: float | None = None
    queue_p50_s: float | None = None
    queue_p99_s: float | None = None
    gap_p50_s: float | None = None
    gap_p99_s: float | None = None
    fairness: float | None = None
    void: str | None = None


class Telemetry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was seen beside the timings of one cell, or of all cells of an endpoint.

    ``peak`` and ``mean`` by metric, ``total`` what counters grew by; names and units:
    ``measure.telemetry.protocol``. ``absent``: source -> one line why it told nothing. ``samples`` readings
    in ``wall_s`` seconds took ``cpu_s`` of this process, ``missed`` failed. ``steps``: memory of a server of
    ours ``before`` its start, ``loaded`` (it says that it serves), ``ready`` (it has answered once) and at
    its ``peak``.
    """

    wall_s: float
    samples: int = 0
    missed: int = 0
    cpu_s: float = 0.0
    peak: dict[str, float] = field(default_factory=dict)
    mean: dict[str, float] = field(default_factory=dict)
    total: dict[str, float] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    steps: dict[str, dict[str, float]] = field(default_factory=dict)


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that was learned about one cell in one run.

    ``prompt_sha256`` covers system text and prompt, ``parameters_sha256`` what was asked for (temperature,
    seed, max_tokens before clipping). ``nodeid`` runs the cell again.
    """

    endpoint: str
    suite: str
    scenario: str
    language: Language
    category: str
    prompt_sha256: str
    parameters_sha256: str
    samples: tuple[Sample, ...]
    nodeid: str | None = None
    load: tuple[Load, ...] = ()
    telemetry: Telemetry | None = None
    cost: Cost | None = None

    @property
    def key(self) -> str:
        """The cell's key in baselines."""
        return cell_key(self.suite, self.scenario, self.language)

    def figure(self, metric: str, *, void: bool = False) -> float | None:
        """The cell's value of one metric over its good samples: the mean of scores, the median of the rest.

        Timings of void samples count only with ``void``.
        """
        good = [sample for sample in self.samples if sample.ok]
        if metric in SCORES:
            scores = [getattr(sample.score, metric) for sample in good if sample.score is not None]
            return fmean(scores) if scores and None not in scores else None
        measured = self.load if metric == "load_tps" else good
        values = [getattr(one, metric) for one in measured if void or one.void is None]
        known = [value for value in values if value is not None]
        return median(known) if known else None


class Cost(Struct, frozen=True, omit_defaults=True):
    """Of several samples, by their endpoint's price. ``unknown``: how many could not be priced."""

    amount: float = 0.0
    unknown: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.amount + other.amount, self.unknown + other.unknown)


class Hosted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a server that the run started.

    ``cold_start_s``: from its first start to healthy; ``cold_ttft_s``: TTFT of the first request then.
    ``log``: its last log, in the run's folder. ``death``: why it ended before the run did.
    """

    starts: int
    cold_start_s: float
    log: str
    cold_ttft_s: float | None = None
    death: str | None = None


class Analysers(Struct, frozen=True, kw_only=True):
    """Who analysed: versions, and the hash of the rules. Scores of different ones are not comparable."""

    pylint: str
    astroid: str
    radon: str
    python: str
    rules: str


class Commit(Struct, frozen=True, kw_only=True):
    """The project's git commit, and whether the work tree differed from it."""

    id: str
    dirty: bool


class Host(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The machine of the run, without its name. ``memory_bytes`` in all."""

    cpus: int
    os: str
    python: str
    cpu_model: str | None = None
    memory_bytes: int | None = None


class Selection(Struct, frozen=True, kw_only=True):
    """What the run had in view, for telling a vanished cell from one that was not run.

    ``suites``: suites that were seen whole. ``cells``: the key of every cell that the scenario files yield,
    deselected ones and other prompt languages included.
    """

    suites: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()


class Verdict(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One promise, kept or not. ``cell`` None: the whole endpoint.

    ``effect``: new/old - 1 in the metric's own unit (a TTFT twice as long: +1.0), points for scores.
    ``worse``: whether that direction is bad. ``interval``: 95 % confidence, same unit. ``detectable``: the
    smallest effect this gate would have seen with 90 % power. ``sessions``: how many the baseline held.
    """

    endpoint: str
    metric: str
    verdict: VerdictName
    sentence: str
    cell: str | None = None
    effect: float | None = None
    worse: bool | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    detectable: float | None = None
    sessions: int | None = None

    @property
    def red(self) -> bool:
        """Whether this verdict alone fails the build."""
        return self.verdict in ("regressed", "missing")


class Run(Struct, frozen=True, kw_only=True):
    """One pytest invocation: the run file. ``complete``: every selected cell ran and nothing interrupted it.

    ``interrupted``: it was cut off (Ctrl-C, a crash), so that it is published and not judged. ``telemetry``,
    ``servers`` and ``costs`` are by endpoint. ``sandbox``: what answers were executed in, ``none`` without
    protection; None where none was executed.
    """

    schema: str = "llmeval-run/1"
    id: str
    started: str
    finished: str
    complete: bool
    interrupted: bool = False
    plugin: str
    host: Host
    analysers: Analysers | None = None
    sandbox: str | None = None
    commit: Commit | None = None
    endpoints: dict[str, Facts] = field(default_factory=dict)
    selection: Selection = Selection()
    cells: tuple[Record, ...] = ()
    telemetry: dict[str, Telemetry] = field(default_factory=dict)
    servers: dict[str, Hosted] = field(default_factory=dict)
    costs: dict[str, Cost] = field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()


# -- what is promised --------------------------------------------------------------------------------------


class MetricPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What drop of one metric is allowed; None: the default of ``judge``.

    ``allowance``: relative for timings and rates (0.03 is 3 %), points for scores. ``floor``: a hard promise
    on the metric's own value (an upper bound for times). ``weight``: its share of the endpoint's alpha.
    """

    gate: bool | None = None
    allowance: float | None = None
    floor: float | None = None
    weight: float | None = None


class Policy(Struct, frozen=True, kw_only=True):
    """``[policy]`` of the project file.

    ``alpha``: the share of unchanged builds that may be red, per endpoint. ``slo`` is for load cells whose
    scenario has none of its own.
    """

    alpha: float = 0.02
    compare_hardware: bool = False
    slo: SLO = SLO()
    metrics: dict[str, MetricPolicy] = field(default_factory=dict)
    endpoints: dict[str, dict[str, MetricPolicy]] = field(default_factory=dict)

    def of(self, endpoint: str, metric: str) -> MetricPolicy:
        """The policy of one metric of one endpoint: its own keys over the project's."""
        general = self.metrics.get(metric, MetricPolicy())
        own = self.endpoints.get(endpoint, {}).get(metric)
        if own is None:
            return general
        return MetricPolicy(
            gate=general.gate if own.gate is None else own.gate,
            allowance=general.allowance if own.allowance is None else own.allowance,
            floor=general.floor if own.floor is None else own.floor,
            weight=general.weight if own.weight is None else own.weight,
        )
