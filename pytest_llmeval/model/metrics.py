"""What is measured and scored: the names of metrics."""

from __future__ import annotations

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
CELL_METRICS = tuple(metric for metric in METRICS if metric != "gpu_memory_peak_bytes")
"""The metrics of a single cell: what a scenario's floor may name."""
SCORES = ("total", "correctness", "quality", "clarity")
"""The metrics of a ``Score``, 0-10."""
