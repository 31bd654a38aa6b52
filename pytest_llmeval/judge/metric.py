"""``judge_metric``: one metric of one endpoint, judged alone, with all of its alpha."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field, structs

from pytest_llmeval.errors import UsageError
from pytest_llmeval.language import _, ngettext
from pytest_llmeval.model import MetricPolicy, VerdictName

from . import paired, scores, sentences, stats, timings
from .evidence import CELLS, WHOLE, Evidence, Shift
from .metrics import Metric, named

_FAR = 4.0  # standard errors: how far outside the noise a collapse must lie when history is thin
_CREEP = 0.2  # of the whole's alpha: a second look at the same run, which must stay rare when nothing moved
_COLLAPSE = {"ratio": 0.20, "points": 2.0}

RawSamples = Mapping[str, Sequence[float]]
"""Cell key -> the samples of one session, in the metric's own unit."""


class Judgement(Struct, frozen=True, kw_only=True):
    """One metric, judged. ``verdict`` is the worst of the whole and its cells; ``whole`` of the whole alone.

    ``effect`` (of the whole) is new/old - 1 in the metric's own unit, points for scores; ``worse``: whether
    that is bad; ``interval`` holds it with 95 % confidence; ``p`` is one-sided. ``detectable``: the smallest
    effect, unsigned, that would have been red with 90 % power, None where none would. ``sessions``: how many
    the baseline has; 0 with a reference in the same run. ``cells``: cell key -> the same, without cells.
    ``confirmed``: whether a loss was seen again when its cells were measured once more (``confirm``).
    """

    verdict: VerdictName
    whole: VerdictName
    sentence: str
    effect: float | None = None
    worse: bool | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    detectable: float | None = None
    sessions: int = 0
    confirmed: bool | None = None
    cells: dict[str, Judgement] = field(default_factory=dict)


class Frame(Struct, frozen=True, kw_only=True):
    """What a decision needs beside the evidence. ``alpha``: the metric's own share, before shares pass on.

    For the sentences: ``endpoint``, what it is compared with (``than``), and ``since``, the date of the
    epoch's first session. ``gated``: whether a loss may be red.
    """

    metric: Metric
    allowance: float
    alpha: float
    cells: tuple[str, ...]
    endpoint: str | None = None
    than: str
    since: str = ""
    gated: bool = True

    def who(self, cell: str | None) -> str:
        """The subject of a sentence."""
        if cell is None:
            return sentences.subject(self.cells, self.endpoint)
        return cell if self.endpoint is None else sentences.on(self.endpoint, cell)


def judge_metric(
    sessions: Sequence[RawSamples],
    run: RawSamples,
    *,
    metric: str,
    alpha: float = 0.02,
    policy: MetricPolicy | None = None,
    reference: RawSamples | None = None,
) -> Judgement:
    """Whether the run is worse than its sessions (oldest first), at ``alpha`` over the whole and all cells.

    With ``reference``, whose samples were asked in turn with those of ``run``, sessions are not needed.
    Raises ``UsageError`` for an unknown metric or an alpha that is no probability.
    """
    if not 0 < alpha < 1:
        raise UsageError(
            f"alpha is {alpha:g}", hint="the share of unchanged builds that may be red, such as 0.02"
        )
    kind = named(metric)
    allowance = kind.allowed(policy)
    evidence = examine(sessions, run, kind, allowance, reference=reference)
    than = _("its baseline") if reference is None else _("its reference")
    frame = Frame(metric=kind, allowance=allowance, alpha=alpha, cells=tuple(run), than=than)
    if evidence is None:
        sentence = sentences.nothing_to_compare(frame.who(None), kind)
        return Judgement(verdict="new", whole="new", sentence=sentence)
    judged = decide(evidence, stats.holm(evidence.hypotheses(), alpha), frame)
    red = [cell for cell in judged.cells.values() if cell.verdict == "regressed"]
    if judged.whole == "regressed" or not red:
        return judged
    worst = min(red, key=lambda cell: cell.p or 0.0)
    return structs.replace(judged, verdict="regressed", sentence=worst.sentence)


def examine(
    sessions: Sequence[RawSamples],
    run: RawSamples,
    metric: Metric,
    allowance: float,
    *,
    reference: RawSamples | None = None,
) -> Evidence | None:
    """The evidence on one metric; None where the run shares no cell with what it is compared with."""
    new = _good(run, metric)
    if reference is not None:
        old = _good(reference, metric)
        return paired.evidence(old, new, prior_sd=metric.prior_sd, timing=metric.timing)
    past = [_good(session, metric) for session in sessions]
    if metric.timing:
        return timings.evidence(past, new, prior_sd=metric.prior_sd, allowance=metric.shift(allowance))
    return scores.evidence(past, new, prior_sd=metric.prior_sd)


def _good(samples: RawSamples, metric: Metric) -> dict[str, list[float]]:
    """On the good scale, sorted by cell, without values that have no place there and without empty cells."""
    good = {cell: [y for y in map(metric.good, samples[cell]) if y is not None] for cell in sorted(samples)}
    return {cell: values for cell, values in good.items() if values}


def decide(evidence: Evidence, rejected: set[str | None], frame: Frame) -> Judgement:
    """The verdict on the whole, and those on its cells, when the tests in ``rejected`` are significant.

    ``None`` in ``rejected`` is the whole.
    """
    alpha = frame.alpha * (WHOLE if evidence.cells else 1.0)
    whole = _judged(evidence, evidence.whole, frame, alpha, significant=None in rejected)
    if whole.verdict != "regressed":
        whole = _creeping(evidence, frame, alpha) or whole
    if evidence.only is not None:
        return structs.replace(whole, cells={evidence.only: whole})
    each = frame.alpha * CELLS / len(evidence.cells)
    cells = {
        cell: _judged(evidence, shift, frame, each, significant=cell in rejected, cell=cell)
        for cell, shift in evidence.cells.items()
    }
    return structs.replace(whole, cells=cells)


def _judged(
    evidence: Evidence,
    shift: Shift,
    frame: Frame,
    alpha: float,
    *,
    significant: bool,
    cell: str | None = None,
) -> Judgement:
    """One test's verdict, with its sentence. ``alpha``: what the test had before shares pass on."""
    metric = frame.metric
    effect = metric.effect(shift.size)
    beyond = abs(effect) >= frame.allowance
    said = sentences.moved(metric, shift, frame.who(cell), frame.than)
    least = _least(evidence, shift, frame, alpha)
    sure = sentences.certainty(metric, shift, evidence, least)
    verdict: VerdictName = "ok"
    if evidence.thin:
        collapsed = shift.size < 0 and abs(effect) > _COLLAPSE[metric.scale] and shift.t <= -_FAR
        if collapsed and shift.floor <= alpha:
            verdict = "regressed"
            sentence = ngettext(
                "{moved} {sure}: a collapse, for which {count} session is enough",
                "{moved} {sure}: a collapse, for which {count} sessions are enough",
                evidence.sessions,
                moved=said,
                sure=sure,
            )
        else:
            verdict = "inconclusive"
            sentence = ngettext(
                "{moved}, but {count} session can't tell less than a collapse: {more}",
                "{moved}, but {count} sessions can't tell less than a collapse: {more}",
                evidence.sessions,
                moved=said,
                more=sentences.more_sessions(metric, evidence, frame.allowance, alpha),
            )
    elif significant and beyond:
        verdict, sentence = "regressed", f"{said} {sure}"
    elif significant:
        allowed = sentences.amount(metric, frame.allowance)
        sentence = _(
            "{moved} {sure}, within the allowance of {allowed}", moved=said, sure=sure, allowed=allowed
        )
    elif shift.size > 0 and beyond and shift.p_gain <= alpha:
        verdict, sentence = "improved", f"{said} {sure}"
    elif cell is None:
        sentence = _("{moved}: within noise {sure}", moved=said, sure=sure)
    elif shift.p == shift.floor > alpha:
        sentence = _("{moved}: too few rounds show it {sure}", moved=said, sure=sure)
    else:
        sentence = _("{moved}: within noise and what the others show {sure}", moved=said, sure=sure)
    return _judgement(evidence, shift, frame, least, said=(verdict, sentence))


def _least(evidence: Evidence, shift: Shift, frame: Frame, alpha: float, times: float = 1.0) -> float | None:
    """The smallest loss, unsigned, that would have been red in nine of ten builds; None where none would.

    ``times``: how often the allowance it must exceed.
    """
    metric = frame.metric
    if shift.least > alpha:
        return None
    if evidence.thin:
        critical = max(_FAR * shift.se, -metric.shift(_COLLAPSE[metric.scale]))
    else:
        significant = shift.se * stats.t_quantile(1 - alpha, shift.df)
        critical = max(significant, -metric.shift(times * frame.allowance))
    return abs(metric.effect(-stats.detectable(critical, shift.se, shift.df)))


def _creeping(evidence: Evidence, frame: Frame, alpha: float) -> Judgement | None:
    """The whole, where it fell slowly: beyond twice the allowance below the epoch's first three sessions."""
    shift, metric, alpha = evidence.creep, frame.metric, alpha * _CREEP
    if shift is None or shift.p > alpha or abs(metric.effect(shift.size)) < 2 * frame.allowance:
        return None
    least = _least(evidence, shift, frame, alpha, times=2)
    sentence = _(
        "{moved}, slowly since {since} {sure}",
        moved=sentences.moved(metric, shift, frame.who(None), _("when its baseline began")),
        since=frame.since or _("its first sessions"),
        sure=sentences.certainty(metric, shift, evidence, least),
    )
    return _judgement(evidence, shift, frame, least, said=("regressed", sentence))


def _judgement(
    evidence: Evidence, shift: Shift, frame: Frame, least: float | None, *, said: tuple[VerdictName, str]
) -> Judgement:
    metric, (verdict, sentence) = frame.metric, said
    if verdict in {"regressed", "inconclusive"} and not frame.gated:
        verdict, sentence = "ok", _("{sentence}; shown, not gated", sentence=sentence)
    low, high = sorted(metric.effect(end) for end in shift.interval())
    return Judgement(
        verdict=verdict,
        whole=verdict,
        sentence=sentence,
        effect=metric.effect(shift.size),
        worse=shift.size < 0,
        interval=(low, high),
        p=shift.p,
        detectable=least,
        sessions=evidence.sessions,
    )
