"""What the gate knows of each metric before it has seen any data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_llmeval.errors import UsageError
from pytest_llmeval.language import N_

if TYPE_CHECKING:
    from pytest_llmeval.model import MetricPolicy


@dataclass(frozen=True)
class Metric:
    """One metric. A ``ratio`` is judged on the log scale, its effects are relative; ``points`` are scores.

    ``prior_sd``: how far sessions of an unchanged endpoint differ, before they say so themselves (relative,
    or points). ``allowance``: the loss that is not worth a red build. ``noun`` is what a sentence calls it,
    and ``worse`` and ``better`` how it moved: in English, to be translated there.
    ``weight``: its share of the endpoint's alpha if gated; ``gated``: whether it is without being asked.
    """

    name: str
    noun: str
    scale: Literal["ratio", "points"]
    higher_is_better: bool
    worse: str
    better: str
    prior_sd: float
    allowance: float
    weight: float = 0.25
    gated: bool = False

    @property
    def timing(self) -> bool:
        """Whether it depends on the machine and on a client that keeps up, as scores do not."""
        return self.scale == "ratio"

    def good(self, value: float) -> float | None:
        """The value where more is better and differences are effects; None where it has no place there."""
        if not math.isfinite(value):
            return None
        if self.scale == "points":
            return value if 0 <= value <= 10 else None
        if value <= 0:
            return None
        return math.log(value) if self.higher_is_better else -math.log(value)

    def effect(self, shift: float) -> float:
        """A difference of ``good`` values as people say it: new/old - 1 in the metric's unit, or points."""
        if self.scale == "points":
            return shift
        return math.expm1(min(700.0, shift if self.higher_is_better else -shift))

    def shift(self, loss: float) -> float:
        """The difference of ``good`` values (negative) that is a loss of so much."""
        if self.scale == "points":
            return -loss
        return math.log1p(-min(loss, 0.999)) if self.higher_is_better else -math.log1p(loss)

    def allowed(self, policy: MetricPolicy | None) -> float:
        """The policy's allowance, else the default."""
        return self.allowance if policy is None or policy.allowance is None else policy.allowance

    def share(self, policy: MetricPolicy) -> float:
        """Its weight in the endpoint's budget; 0 where it is not gated."""
        gated = self.gated if policy.gate is None else policy.gate
        weight = self.weight if policy.weight is None else policy.weight
        return weight if gated else 0.0


# fmt: off
_TABLE = (
    Metric("output_tps", N_("speed"), "ratio", True, "slower", "faster", 0.02, 0.03, 0.75, gated=True),
    Metric("ttft_s", N_("time to first token"), "ratio", False, "longer", "shorter", 0.06, 0.1, gated=True),
    Metric("correctness", N_("correctness"), "points", True, "lower", "higher", 0.10, 0.2, 0.75, gated=True),
    Metric("quality", N_("quality"), "points", True, "lower", "higher", 0.10, 0.2, gated=True),
    Metric("clarity", N_("clarity"), "points", True, "lower", "higher", 0.10, 0.2),
    Metric("total", N_("total score"), "points", True, "lower", "higher", 0.10, 0.2),
    Metric("tpot_s", N_("time per output token"), "ratio", False, "longer", "shorter", 0.02, 0.03),
    Metric("latency_s", N_("latency"), "ratio", False, "longer", "shorter", 0.05, 0.10),
    Metric("load_tps", N_("speed under load"), "ratio", True, "lower", "higher", 0.03, 0.05),
    Metric("cold_start_s", N_("cold start"), "ratio", False, "longer", "shorter", 0.10, 0.20),
    Metric("gpu_memory_peak_bytes", N_("peak GPU memory"), "ratio", False, "higher", "lower", 0.01, 0.05),
)
# fmt: on
METRICS = {metric.name: metric for metric in _TABLE}
"""Every metric that is judged, in the order in which it is reported."""


def named(name: str) -> Metric:
    """The metric of that name; one unknown is taken by its unit: ``*_tps`` a rate, ``*_s`` a time."""
    if name in METRICS:
        return METRICS[name]
    if name.endswith("_tps"):
        return Metric(name, name, "ratio", True, "lower", "higher", 0.03, 0.05)
    if name.endswith(("_s", "_bytes")):
        return Metric(name, name, "ratio", False, "higher", "lower", 0.06, 0.10)
    raise UsageError(f"no metric is called {name!r}", hint=f"one of {', '.join(METRICS)}")
