"""What was seen beside an endpoint's answers, in a few words: how long it took to come up, its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmeval.language import N_, _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmeval.model import Run

MEMORY = {"gpu_memory_used_bytes": N_("GPU memory in use"), "process_memory_bytes": N_("memory")}
"""Metric -> what its peak is called, to be translated. A GPU's memory is everybody's on it."""
GIB = 2**30


def seen(run: Run, endpoint: str) -> Iterator[str]:
    """``up in 31 s``, ``5.1 GiB GPU memory in use``, ``1.2 GiB memory``, as far as it is known."""
    server = run.servers.get(endpoint)
    if server is not None:
        yield _("up in {time}", time=_seconds(server.cold_start_s))
    telemetry = run.telemetry.get(endpoint)
    if telemetry is not None:
        peaks = telemetry.peak | telemetry.steps.get("peak", {})
        for metric, called in MEMORY.items():
            if metric in peaks:
                yield _("{size} {memory}", size=_size(peaks[metric]), memory=_(called))


def absent(run: Run, endpoint: str) -> Iterator[str]:
    """``gpu: no NVIDIA GPU to be seen here``: a source and why it told nothing."""
    telemetry = run.telemetry.get(endpoint)
    for source, why in sorted(telemetry.absent.items() if telemetry else ()):
        yield f"{source}: {why}"


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


def _size(value: float) -> str:
    return f"{value / GIB:.1f} GiB" if value >= GIB else f"{value / 2**20:.0f} MiB"
