"""The steps of a server's memory, and the peak over them and the cells."""

from __future__ import annotations

from pytest_llmeval.errors import TelemetryError
from pytest_llmeval.measure.telemetry.steps import MemorySteps, with_steps
from pytest_llmeval.model import Telemetry


class Told:
    """A source that tells what it was given, or raises it."""

    name = "gpu"
    interval_s = 1.0
    settle_s = 0.0

    def __init__(self, figures) -> None:
        self.figures = figures

    def read(self):
        if isinstance(self.figures, Exception):
            raise self.figures
        return lambda: self.figures

    def close(self) -> None:
        pass


def gpu(used: float) -> Told:
    return Told({"gpu_memory_used_bytes": used, "gpu_power_w": 70.0, "gpu_memory_used_bytes.0": used})


def test_the_steps() -> None:
    steps = MemorySteps()
    steps.take("before", [gpu(1.0)])
    steps.take("loaded", [gpu(6.0), Told({"process_memory_bytes": 3.0})])
    steps.take("ready", [gpu(8.0), Told({"process_memory_bytes": 5.0})])
    cells = Telemetry(
        wall_s=1.0, peak={"gpu_memory_used_bytes": 7.0, "process_memory_bytes": 9.0, "usage": 1.0}
    )
    assert steps.beside(cells).steps == {
        "before": {"gpu_memory_used_bytes": 1.0},
        "loaded": {"gpu_memory_used_bytes": 6.0, "process_memory_bytes": 3.0},
        "ready": {"gpu_memory_used_bytes": 8.0, "process_memory_bytes": 5.0},
        "peak": {"gpu_memory_used_bytes": 8.0, "process_memory_bytes": 9.0},
    }


def test_what_fails_is_left_out() -> None:
    steps = MemorySteps()
    steps.take("before", [Told(OSError("hiccup")), Told(TelemetryError("no GPU"))])
    steps.take("loaded", [Told(OSError("hiccup")), gpu(6.0)])
    assert steps.taken == {"loaded": {"gpu_memory_used_bytes": 6.0}}


def test_a_server_that_nobody_started_has_no_steps() -> None:
    cells = Telemetry(wall_s=1.0, peak={"gpu_memory_used_bytes": 7.0})
    assert with_steps(cells, {}) == cells
