"""What one GPU tells, and what several make together; a DCGM exporter's page as a source of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct, structs

from pytest_llmeval.errors import TelemetryError

from . import exposition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .page import Page
    from .protocol import Figures, Reading


class Gpu(Struct, frozen=True):
    """One GPU at one moment; None: it does not tell. ``energy_j`` counts since the driver was loaded."""

    memory_used_bytes: float | None = None
    utilization: float | None = None
    power_w: float | None = None
    energy_j: float | None = None


_METRICS = {
    "memory_used_bytes": "gpu_memory_used_bytes",
    "utilization": "gpu_utilization",
    "power_w": "gpu_power_w",
    "energy_j": "gpu_energy_j_total",
}


def figures(gpus: Mapping[str, Gpu]) -> Figures:
    """The metrics of GPUs by index: sums, and the mean of utilisation; each of them where there are several.

    A sum of which one part is missing would be another figure: then only the parts are told.
    """
    told: dict[str, float] = {}
    for field, metric in _METRICS.items():
        values = {index: value for index, gpu in gpus.items() if (value := getattr(gpu, field)) is not None}
        if values and len(values) == len(gpus):
            whole = sum(values.values())
            told[metric] = whole / len(values) if field == "utilization" else whole
        if len(gpus) > 1 and field != "energy_j":
            told |= {f"{metric}.{index}": value for index, value in values.items()}
    return told


_MIB = 1024 * 1024
_DCGM = {
    "DCGM_FI_DEV_FB_USED": ("memory_used_bytes", float(_MIB)),
    "DCGM_FI_DEV_GPU_UTIL": ("utilization", 0.01),
    "DCGM_FI_DEV_POWER_USAGE": ("power_w", 1.0),
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": ("energy_j", 0.001),
}
_DCGM_BLANK = 2**47
"""DCGM's "no value" is a number from 2^47 on (``dcgm_structs.h``: ``DCGM_FP64_BLANK`` and its neighbours)."""


def dcgm_figures(text: str) -> Figures:
    """The metrics of a DCGM exporter's page. Instances of one GPU (MIG) add up, but for its utilisation."""
    gpus: dict[str, dict[str, float]] = {}
    for series in exposition.parse(text):
        if series.name not in _DCGM or not 0 <= series.value < _DCGM_BLANK:
            continue
        field, unit = _DCGM[series.name]
        gpu = gpus.setdefault(series.labels.get("gpu", "0"), {})
        is_share = "GPU_I_ID" in series.labels and field == "memory_used_bytes"
        gpu[field] = series.value * unit + (gpu.get(field, 0.0) if is_share else 0.0)
    return figures({index: structs.replace(Gpu(), **values) for index, values in gpus.items()})


class Dcgm:
    """A DCGM exporter as a source: GPUs of another machine."""

    name = "gpu"
    interval_s = 1.0
    settle_s = 0.0
    _lines: ClassVar = exposition.lines_of(_DCGM)

    def __init__(self, page: Page) -> None:
        self._page = page

    def read(self) -> Reading:
        """See ``Source``."""
        lines = self._lines.findall(self._page.get())
        if not lines:
            raise TelemetryError(f"{self._page.url} is not a DCGM exporter's page: no series DCGM_FI_DEV_…")
        return partial(dcgm_figures, b"\n".join(lines).decode("utf-8", "replace"))

    def close(self) -> None:
        """See ``Source``."""
        self._page.close()
