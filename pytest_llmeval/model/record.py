"""What is kept of a cell."""

from __future__ import annotations

from statistics import fmean, median, stdev
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from .exchange import Failure
from .metrics import SCORES
from .scenario import Language, cell_key

if TYPE_CHECKING:
    from collections.abc import Iterable


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


class Sample(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request of a cell as the run file keeps it. ``at_s``: seconds since the run started.

    ``reasons`` explain the score in words a person can act on. ``void``: why its timings must not be judged.
    ``cost``: by the endpoint's price. ``confirms``: of a round that was measured after all others, because
    the cell was about to be red.

    Of a load cell: ``request`` is its number in the round's batch, ``queue_s`` the wait before the server
    took it up, where the server tells, ``delay_s`` how long after its scheduled time it was sent. Of a cold
    cell: ``cold_start_s`` from the server's start to healthy, ``cold_ttft_s`` from there to the first token.
    Of a reference: ``against``, the endpoint that it was asked in turn with.
    """

    round: int
    at_s: float
    ok: bool
    request: int | None = None
    against: str | None = None
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
    confirms: bool = False
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
    ``client_busy``: the share of a core that this client took to read it, ``client_ceiling_tps`` what one
    process of it would end at, or more. ``against``: as of a ``Sample``.
    """

    round: int
    requests: int
    against: str | None = None
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
    client_busy: float | None = None
    client_ceiling_tps: float | None = None
    void: str | None = None


def score_spread(samples: Iterable[Sample]) -> dict[str, float]:
    """Score -> the standard deviation (n - 1) of the good samples that have it, where they differ."""
    scores = [sample.score for sample in samples if sample.ok and sample.score is not None]
    spread: dict[str, float] = {}
    for name in SCORES:
        known = [value for score in scores if (value := getattr(score, name)) is not None]
        if len(set(known)) > 1:
            spread[name] = stdev(known)
    return spread


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


class Cost(Struct, frozen=True, omit_defaults=True):
    """Of several samples, by their endpoint's price. ``unknown``: how many could not be priced."""

    amount: float = 0.0
    unknown: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.amount + other.amount, self.unknown + other.unknown)


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that was learned about one cell in one run.

    ``prompt_sha256`` covers system text and prompt, ``parameters_sha256`` what was asked for (temperature,
    seed, max_tokens before clipping) and its form, ``checks_sha256`` what answers were scored by (None: made
    before it was known). ``gate`` False: its scores are shown, not judged. ``nodeid`` runs the cell again.
    ``temperature``: as asked for. ``spread``: see ``score_spread``. ``failure``: the first words that its
    test failed with, such as a floor or what the test asserts; None where it passed.
    """

    endpoint: str
    suite: str
    scenario: str
    language: Language
    category: str
    prompt_sha256: str
    parameters_sha256: str
    samples: tuple[Sample, ...]
    checks_sha256: str | None = None
    gate: bool = True
    nodeid: str | None = None
    load: tuple[Load, ...] = ()
    telemetry: Telemetry | None = None
    cost: Cost | None = None
    temperature: float = 0.0
    spread: dict[str, float] = field(default_factory=dict)
    failure: str | None = None

    @property
    def failed(self) -> bool:
        """Whether a request of it failed, or its test."""
        return self.failure is not None or any(not sample.ok for sample in self.samples)

    @property
    def failed_though_answered(self) -> bool:
        """Whether its test failed, such as by a floor, though every request of it was answered."""
        return self.failure is not None and all(sample.ok for sample in self.samples)

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
