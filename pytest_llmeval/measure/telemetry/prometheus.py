"""What an LLM server tells on its ``/metrics``: vLLM, llama.cpp, SGLang, by today's names and older ones."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from msgspec import Struct

from pytest_llmeval.errors import TelemetryError

from . import exposition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .page import Page
    from .protocol import Figures, Reading


class Rule(Struct, frozen=True):
    """Where a metric comes from. ``series`` are alternatives, the first that is whole counts; ``a + b`` adds.

    ``over``: what several series of one name (data-parallel engines, models) make together.
    """

    metric: str
    series: tuple[str, ...]
    over: Literal["sum", "max"] = "sum"


def _mean(metric: str, *histograms: str) -> Iterator[Rule]:
    for part in ("_sum", "_count"):
        yield Rule(metric + part, tuple(histogram + part for histogram in histograms))


RULES: dict[str, tuple[Rule, ...]] = {
    "vllm": (
        Rule("kv_cache_usage", ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"), "max"),
        Rule("requests_running", ("vllm:num_requests_running",)),
        Rule("requests_waiting", ("vllm:num_requests_waiting",)),
        Rule("preemptions_total", ("vllm:num_preemptions_total",)),
        Rule("generation_tokens_total", ("vllm:generation_tokens_total",)),
        Rule(
            "prefix_cache_hit_rate_sum",
            ("vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total"),
        ),
        Rule(
            "prefix_cache_hit_rate_count",
            ("vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total"),
        ),
        *_mean("server_ttft_s", "vllm:time_to_first_token_seconds"),
        *_mean(
            "server_tpot_s",
            "vllm:request_time_per_output_token_seconds",
            "vllm:inter_token_latency_seconds",
            "vllm:time_per_output_token_seconds",
        ),
        *_mean("server_queue_s", "vllm:request_queue_time_seconds"),
    ),
    "llama.cpp": (
        Rule("kv_cache_usage", ("llamacpp:kv_cache_usage_ratio",), "max"),
        Rule("requests_running", ("llamacpp:requests_processing",)),
        Rule("requests_waiting", ("llamacpp:requests_deferred",)),
        Rule("generation_tokens_total", ("llamacpp:tokens_predicted_total",)),
        Rule("prefix_cache_hit_rate_sum", ("llamacpp:prompt_tokens_cached_total",)),
        Rule(
            "prefix_cache_hit_rate_count",
            ("llamacpp:prompt_tokens_total + llamacpp:prompt_tokens_cached_total",),
        ),
        Rule("server_tpot_s_sum", ("llamacpp:tokens_predicted_seconds_total",)),
        Rule("server_tpot_s_count", ("llamacpp:tokens_predicted_total",)),
    ),
    "sglang": (
        Rule("kv_cache_usage", ("sglang:token_usage",), "max"),
        Rule("requests_running", ("sglang:num_running_reqs",)),
        Rule("requests_waiting", ("sglang:num_queue_reqs",)),
        Rule("generation_tokens_total", ("sglang:generation_tokens_total",)),
        *_mean("server_ttft_s", "sglang:time_to_first_token_seconds"),
        *_mean("server_tpot_s", "sglang:inter_token_latency_seconds", "sglang:time_per_output_token_seconds"),
    ),
}
"""By server: as pages of running servers show them; SGLang's as others read them, not seen running."""


def names_of(rules: Iterable[Rule]) -> tuple[str, ...]:
    """Every series that these rules look at."""
    parts = (part for rule in rules for one in rule.series for part in one.split(" + "))
    return tuple(dict.fromkeys(parts))


def figures(text: str, rules: Iterable[Rule]) -> Figures:
    """The metrics of a page; empty where it holds no series that the rules know."""
    values: dict[str, list[float]] = {}
    for series in exposition.parse(text):
        values.setdefault(series.name, []).append(series.value)
    found = ((rule.metric, _value(rule, values)) for rule in rules)
    return {metric: value for metric, value in found if value is not None}


def _value(rule: Rule, values: dict[str, list[float]]) -> float | None:
    fold = max if rule.over == "max" else sum
    for alternative in rule.series:
        parts = alternative.split(" + ")
        if all(part in values for part in parts):
            return sum(fold(values[part]) for part in parts)
    return None


class Prometheus:
    """A server's page as a source.

    Only the series of the rules are asked for: ``?name[]=…``, which Prometheus' Python library knows (so vLLM
    does) and others ignore. Writing the whole page would hold up vLLM's streams seven times as long, 2.6 ms
    instead of 0.4 (``benchmarks/sampler_cost.py``).
    """

    name = "server"
    interval_s = 1.0
    settle_s = 0.02  # the engine's loop counts an answer, not whoever sends its last byte

    def __init__(self, page: Page, rules: Iterable[Rule]) -> None:
        self._page = page
        self._rules = tuple(rules)
        names = names_of(self._rules)
        self._lines = exposition.lines_of(names)
        page.query = "&".join(f"name[]={quote(name)}" for name in names)

    def read(self) -> Reading:
        """See ``Source``."""
        lines = self._ask()
        if not lines and self._page.query:
            self._page.query = ""  # with several API processes that filter lets nothing through
            lines = self._ask()
        if not lines:
            raise TelemetryError(f"{self._page.url} tells none of the known series")
        return partial(self._figures, lines)

    def _ask(self) -> list[bytes]:
        return self._lines.findall(self._page.get())

    def _figures(self, lines: list[bytes]) -> Figures:
        return figures(b"\n".join(lines).decode("utf-8", "replace"), self._rules)

    def close(self) -> None:
        """See ``Source``."""
        self._page.close()
