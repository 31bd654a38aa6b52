"""What is promised: which drop is allowed."""

from __future__ import annotations

from msgspec import Struct, field

from .scenario import SLO


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
    scenario has none of its own. ``max_pause_s``: how far apart the parts of a resumed run may lie for
    its timings to be those of one session.
    """

    alpha: float = 0.02
    compare_hardware: bool = False
    slo: SLO = SLO()
    max_pause_s: float = 3600.0
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
