"""Wing three: is that a regression?

``judge_metric`` and ``judge_run`` are pure; ``judge.baselines`` reads and writes the files. Nothing is
imported before its name is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .gate import Verdicts as Verdicts
    from .gate import judge_run as judge_run
    from .metric import Judgement as Judgement
    from .metric import judge_metric as judge_metric
    from .metrics import METRICS as METRICS
    from .metrics import Metric as Metric
    from .sessions import Baseline as Baseline

_HOME = {
    "Baseline": "sessions",
    "Judgement": "metric",
    "Metric": "metrics",
    "METRICS": "metrics",
    "Verdicts": "gate",
    "judge_metric": "metric",
    "judge_run": "gate",
}

__all__ = sorted(_HOME)  # noqa: PLE0605  one list of names, and sorted


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
