"""Judgements in plain words: what moved, by how much, how surely, and what to do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_llmeval.model import suite_of

from . import stats
from .evidence import PRIOR_DF, THIN, Evidence, Shift

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_llmeval.model import Policy

    from .metrics import Metric

_MOST_SESSIONS = 30


def subject(cells: Iterable[str], endpoint: str | None = None) -> str:
    """``coding on vllm-gptq``; without the suite where there are several."""
    suites = {suite_of(cell) for cell in cells}
    suite = suites.pop() if len(suites) == 1 else None
    if endpoint is None:
        return suite or "the endpoint"
    return f"{suite} on {endpoint}" if suite else endpoint


def moved(metric: Metric, shift: Shift, who: str, than: str = "its baseline") -> str:
    """``coding on vllm-gptq is 11.8 % slower than its baseline``."""
    effect = metric.effect(shift.size)
    what = who if metric.name == "output_tps" else f"{metric.noun} of {who}"
    if amount(metric, effect) == amount(metric, 0.0):
        return f"{what} is the same as {than}"
    return (
        f"{what} is {amount(metric, effect)} {metric.worse if shift.size < 0 else metric.better} than {than}"
    )


def certainty(metric: Metric, shift: Shift, evidence: Evidence, alpha: float) -> str:
    """``(95 % interval 7.9–15.5 %, 6 sessions; this gate sees 6 % and more)``, in the effect's direction."""
    sign = -1.0 if metric.effect(shift.size) < 0 else 1.0
    low, high = sorted(sign * metric.effect(end) for end in shift.interval())
    unit = "%" if metric.scale == "ratio" else "points"
    scale = 100.0 if metric.scale == "ratio" else 1.0
    dash = "–" if low >= 0 else " to "
    interval = f"95 % interval {_number(low * scale)}{dash}{_number(high * scale)} {unit}"
    of = "asked in turn" if evidence.paired else count(evidence.sessions, "session")
    return f"({interval}, {of}; this gate sees {sees(metric, shift, alpha)} and more)"


def pause(pause_s: float, policy: Policy) -> str:
    """``the run paused for 5.2 h, and one session for at most 1 h …``; resumed, or merged of parts."""
    most = _duration(policy.max_pause_s)
    paused = f"the run paused for {_duration(pause_s)}"
    return f"{paused}, and one session for at most {most} (max_pause_s in [policy])"


def _duration(seconds: float) -> str:
    for unit_s, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit_s:
            return f"{seconds / unit_s:.2g} {unit}"
    return f"{seconds:.2g} s"


def sees(metric: Metric, shift: Shift, alpha: float) -> str:
    """The smallest loss that is found in nine of ten builds."""
    loss = metric.effect(-shift.detectable(alpha))
    return amount(metric, max(-10.0, loss) if metric.scale == "points" else loss, digits=2)


def more_sessions(metric: Metric, evidence: Evidence, alpha: float) -> str:
    """``10 % takes 2 more sessions, 5 % stays below this noise``; of a score, 1 point and 0.5 points."""
    wanted: dict[int | None, list[str]] = {}
    for loss in (0.10, 0.05) if metric.scale == "ratio" else (1.0, 0.5):
        needed = _sessions_to_see(-metric.shift(loss), evidence, alpha)
        wanted.setdefault(needed, []).append(amount(metric, loss, digits=2))
    texts = []
    for needed, losses in wanted.items():
        what, many = " and ".join(losses), len(losses) > 1
        if needed is None:
            texts.append(f"{what} {'stay' if many else 'stays'} below this noise")
        else:
            takes = "take" if many else "takes"
            texts.append(f"{what} {takes} {count(needed - evidence.sessions, 'more session')}")
    return ", ".join(texts)


def _sessions_to_see(loss: float, evidence: Evidence, alpha: float) -> int | None:
    for sessions in range(THIN, _MOST_SESSIONS + 1):
        se = evidence.spread * math.sqrt(1 + 1 / sessions)
        if stats.detectable(se, PRIOR_DF + sessions - 1, alpha) <= loss:
            return sessions
    return None


def nothing_to_compare(who: str, metric: Metric) -> str:
    """For a metric without a baseline, or without a cell in common with it."""
    return (
        f"{metric.noun} of {who} has no baseline to compare with; "
        "pytest --llm-update-baselines or llmeval baseline update makes one"
    )


def amount(metric: Metric, effect: float, digits: int = 3) -> str:
    """``11.8 %`` or ``0.8 points``, without a sign."""
    if metric.scale == "points":
        text = _number(abs(effect), digits)
        return f"{text} point" if text == "1" else f"{text} points"
    return f"{_number(abs(effect) * 100, digits)} %"


def count(number: int, what: str) -> str:
    """``1 session``, ``6 sessions``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def names(items: Sequence[str], most: int = 5) -> str:
    """``a, b, c and 4 more``."""
    if len(items) <= most:
        return ", ".join(items)
    return f"{', '.join(items[:most])} and {len(items) - most} more"


def _number(value: float, digits: int = 3) -> str:
    """At most so many digits, at most one decimal from 1 on and two below; never ``-0``."""
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:.0f}"
    text = f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"
    text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text.replace("-", "−")
