"""The steps of a managed server's memory: before its start, loaded, ready, peak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import structs

from pytest_llmeval.errors import TelemetryError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_llmeval.model import Telemetry

    from .protocol import Source

Step = Literal["before", "loaded", "ready"]
MEMORY = ("gpu_memory_used_bytes", "process_memory_bytes", "model_memory_bytes", "model_gpu_memory_bytes")


class MemorySteps:
    """Taken by whoever starts the server.

    ``before`` its start, ``loaded`` once it says that it serves, ``ready`` once it has answered a request:
    several engines reserve or warm up only then.
    """

    def __init__(self) -> None:
        self.taken: dict[str, dict[str, float]] = {}

    def take(self, step: Step, sources: Iterable[Source]) -> None:
        """Note the memory now. A source that fails leaves its figure out."""
        now: dict[str, float] = {}
        for source in sources:
            try:
                figures = source.read()()
            except (OSError, TelemetryError):
                continue
            now |= {name: figures[name] for name in MEMORY if name in figures}
        if now:
            self.taken[step] = now

    def beside(self, telemetry: Telemetry) -> Telemetry:
        """An endpoint's telemetry with these steps, and with the peak over them and its cells."""
        return with_steps(telemetry, self.taken)


def with_steps(telemetry: Telemetry, taken: dict[str, dict[str, float]]) -> Telemetry:
    """See ``MemorySteps.beside``."""
    if not taken:
        return telemetry
    moments = [*taken.values(), telemetry.peak]
    known = {name: None for moment in moments for name in MEMORY if name in moment}
    peak = {name: max(moment[name] for moment in moments if name in moment) for name in known}
    return structs.replace(telemetry, steps={**taken, "peak": peak})
