"""Judgements in plain words: what moved, by how much, how surely, and what to do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_llmeval.language import N_, _, ngettext
from pytest_llmeval.model import suite_of

from . import stats
from .evidence import PRIOR_DF, THIN, Evidence, Shift

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_llmeval.model import Policy

    from .metrics import Metric

_MOST_SESSIONS = 30
_MOVED = {
    "slower": N_("{who} is {amount} slower than {than}"),
    "faster": N_("{who} is {amount} faster than {than}"),
    "longer": N_("{what} is {amount} longer than {than}"),
    "shorter": N_("{what} is {amount} shorter than {than}"),
    "lower": N_("{what} is {amount} lower than {than}"),
    "higher": N_("{what} is {amount} higher than {than}"),
}
"""By the metric's word for it; only the speed is the endpoint's own."""


def subject(cells: Iterable[str], endpoint: str | None = None) -> str:
    """``coding on vllm-gptq``; without the suite where there are several."""
    suites = {suite_of(cell) for cell in cells}
    suite = suites.pop() if len(suites) == 1 else None
    if endpoint is None:
        return suite or _("the endpoint")
    return on(endpoint, suite) if suite else endpoint


def on(endpoint: str, what: str) -> str:
    """``coding/lru-cache/ko on vllm-gptq``."""
    return _("{what} on {endpoint}", what=what, endpoint=endpoint)


def noun(metric: Metric, who: str) -> str:
    """``time to first token of coding on vllm-gptq``."""
    return _("{noun} of {who}", noun=_(metric.noun), who=who)


def moved(metric: Metric, shift: Shift, who: str, than: str) -> str:
    """``coding on vllm-gptq is 11.8 % slower than its baseline``."""
    effect = metric.effect(shift.size)
    if amount(metric, effect) == amount(metric, 0.0):
        return _("{what} is the same as {than}", what=noun(metric, who), than=than)
    template = _MOVED[metric.worse if shift.size < 0 else metric.better]
    return _(template, who=who, what=noun(metric, who), amount=amount(metric, effect), than=than)


def certainty(metric: Metric, shift: Shift, evidence: Evidence, least: float | None) -> str:
    """``(95 % interval 7.9–15.5 %, 6 sessions; this gate sees 6 % and more)``, in the effect's direction.

    ``least``: the smallest loss that is found in nine of ten builds, None where none is.
    """
    sign = -1.0 if metric.effect(shift.size) < 0 else 1.0
    low, high = sorted(sign * metric.effect(end) for end in shift.interval())
    interval = span(metric, low, high, dash=low >= 0)
    history = _("asked in turn") if evidence.paired else sessions(evidence.sessions)
    if least is None:
        template = N_("(95 % interval {interval}, {history}; this gate sees no loss of it alone)")
        return _(template, interval=interval, history=history)
    return _(
        "(95 % interval {interval}, {history}; this gate sees {least} and more)",
        interval=interval,
        history=history,
        least=amount(metric, min(10.0, least) if metric.scale == "points" else least, digits=2),
    )


def span(metric: Metric, low: float, high: float, *, dash: bool = False) -> str:
    """``7.9–15.5 %``, ``−0.3 to 0.1 points``: effects from ``low`` to ``high``."""
    scale = 100.0 if metric.scale == "ratio" else 1.0
    ends = _number(low * scale), _number(high * scale)
    texts = "–".join(ends) if dash else _("{low} to {high}", low=ends[0], high=ends[1])
    return f"{texts} %" if metric.scale == "ratio" else _("{number} points", number=texts)


def pause(pause_s: float, policy: Policy) -> str:
    """``the run paused for 5.2 h, and one session for at most 1 h …``; resumed, or merged of parts."""
    return _(
        "the run paused for {pause}, and one session for at most {most} (max_pause_s in [policy])",
        pause=_duration(pause_s),
        most=_duration(policy.max_pause_s),
    )


def _duration(seconds: float) -> str:
    for unit_s, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit_s:
            return f"{seconds / unit_s:.2g} {unit}"
    return f"{seconds:.2g} s"


def more_sessions(metric: Metric, evidence: Evidence, allowance: float, alpha: float) -> str:
    """``2 more sessions see 10 %, not even 30 see 5 %``; of a score, 1 point and 0.5 points.

    A loss within the allowance is never red: where 5 % is, the one that is told is twice the allowance.
    """
    usual = (0.10, 0.05) if metric.scale == "ratio" else (1.0, 0.5)
    wanted: dict[int | None, list[str]] = {}
    for loss in usual if allowance < min(usual) else (2 * allowance,):
        needed = _sessions_to_see(-metric.shift(loss), evidence, -metric.shift(allowance), alpha)
        wanted.setdefault(needed, []).append(amount(metric, loss, digits=2))
    texts = []
    for needed, losses in wanted.items():
        both = losses[0] if len(losses) == 1 else _("{one} and {other}", one=losses[0], other=losses[1])
        if needed is None:
            texts.append(_("not even {most} see {losses}", most=_MOST_SESSIONS, losses=both))
        else:
            texts.append(
                ngettext(
                    "{count} more session sees {losses}",
                    "{count} more sessions see {losses}",
                    needed - evidence.sessions,
                    losses=both,
                )
            )
    return ", ".join(texts)


def _sessions_to_see(loss: float, evidence: Evidence, allowed: float, alpha: float) -> int | None:
    """``loss`` and ``allowed`` as differences, positive."""
    for sessions in range(THIN, _MOST_SESSIONS + 1):
        se, df = evidence.spread * math.sqrt(1 + 1 / sessions), PRIOR_DF + sessions - 1
        if stats.detectable(max(allowed, se * stats.t_quantile(1 - alpha, df)), se, df) <= loss:
            return sessions
    return None


def nothing_to_compare(who: str, metric: Metric) -> str:
    """For a metric without a baseline, or without a cell in common with it."""
    return _(
        "{what} has no baseline to compare with; "
        "pytest --llm-update-baselines or llmeval baseline update makes one",
        what=noun(metric, who),
    )


def amount(metric: Metric, effect: float, digits: int = 3) -> str:
    """``11.8 %`` or ``0.8 points``, without a sign."""
    if metric.scale != "points":
        return f"{_number(abs(effect) * 100, digits)} %"
    text = _number(abs(effect), digits)
    return _("1 point") if text == "1" else _("{number} points", number=text)


def sessions(count: int) -> str:
    """``6 sessions``."""
    return ngettext("{count} session", "{count} sessions", count)


def cells(count: int) -> str:
    """``6 cells``."""
    return ngettext("{count} cell", "{count} cells", count)


def names(items: Sequence[str], most: int = 5) -> str:
    """``a, b, c and 4 more``."""
    if len(items) <= most:
        return ", ".join(items)
    return _("{names} and {count} more", names=", ".join(items[:most]), count=len(items) - most)


def _number(value: float, digits: int = 3) -> str:
    """At most so many digits, at most one decimal from 1 on and two below; never ``-0``."""
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:.0f}"
    text = f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"
    text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text.replace("-", "−")
