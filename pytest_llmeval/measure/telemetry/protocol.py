"""What a source of telemetry must be able to do, and what its figures are called.

A metric's name ends with its unit: ``_bytes``, ``_w`` (watts), ``_j``, ``_s``, ``_usage``, ``_utilization``
and ``_rate`` (0-1); without one it is a plain number. Its ending also says how readings become one figure:

- ``X_total`` is a counter: what it grew by counts, not its level;
- ``X_sum`` and ``X_count`` are two counters whose quotient is the mean of ``X``: a histogram's, or hits and
  queries of a rate;
- anything else is a gauge, with a peak and a mean.

Gauges: ``gpu_memory_used_bytes``, ``gpu_utilization``, ``gpu_power_w`` (all GPUs together; ``.0``, ``.1`` …
for each where there are several), ``process_memory_bytes``, ``client_memory_bytes``, ``kv_cache_usage``,
``requests_running``, ``requests_waiting``, ``model_memory_bytes``, ``model_gpu_memory_bytes``. Counters:
``gpu_energy_j_total``, ``preemptions_total``, ``generation_tokens_total``, ``client_cpu_s_total``. Means:
``server_ttft_s``, ``server_tpot_s``, ``server_queue_s``, ``prefix_cache_hit_rate``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

Figures = Mapping[str, float]
"""Metric -> value. What was not told is absent; every value is finite."""

Reading = Callable[[], Figures]
"""What was read, understood only when called: nothing is parsed while a stream of this process runs."""


class Source(Protocol):
    """Somebody to ask, used by one thread at a time.

    ``interval_s``: how often asking does not disturb. ``settle_s``: how long after an answer its counters may
    still miss it.
    """

    name: str
    interval_s: float
    settle_s: float

    def read(self) -> Reading:
        """Ask now, and quickly (1 s at most).

        Raises ``OSError`` where it failed this time, ``TelemetryError`` where it will always fail; so may the
        reading when it is called.
        """
        ...

    def close(self) -> None:
        """Let go of connections and handles. Safe to call twice; ``read`` may follow."""
        ...
