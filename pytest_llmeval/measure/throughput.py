"""The replies of one batch -> the system's figures. Pure: arithmetic on stored stamps, no clock.

- wall: from the first request's first byte to the last text of the last answer. A closed loop's end, where
  fewer than ``concurrency`` requests are left, is part of it.
- ``load_tps``: tokens of all answers, broken ones too / wall. ``request_rps``: whole answers / wall.
- TTFT, latency and gaps as in ``timing``; gaps are pooled over the answers, where the stall of one shows.
- queue: TTFT - the time that the server itself took for the prompt, where it tells (llama.cpp's
  ``prompt_ms``). An answer's head can't say it: vLLM sends it at once, llama.cpp when a slot is free.
- ``scheduled_*``: TTFT and latency counted from when an open loop meant to send.
- fairness: Jain's index ``(sum x)**2 / (n * sum x**2)`` of the answers' ``e2e_tps``: 1 when all are equal,
  1/n when one has everything (Jain, Chiu, Hawe 1984).
- goodput: whole answers a second that kept every limit of the ``SLO`` (DistServe, OSDI 2024); in an open loop
  TTFT counts from the scheduled time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from pytest_llmeval.model import SLO, Load, LoadPlan, Response

from . import ceiling, timing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_llmeval.model import Timing

MAX_LAG_SHARE = 0.01
"""A lag of this client moves the batch's end by at most itself: beyond this share of the wall, it shows."""
_NO_LIMITS = SLO()


class Reply(Struct, frozen=True):
    """One request of a batch, numbered from 0. ``scheduled_ns``: when an open loop meant to send it."""

    number: int
    response: Response
    scheduled_ns: int | None = None

    @property
    def delay_s(self) -> float:
        """How long after its scheduled time it was sent; 0 in a closed loop."""
        if self.scheduled_ns is None:
            return 0.0
        return max(0, self.response.started_ns - self.scheduled_ns) / timing.NANOSECONDS


def figures(
    replies: Sequence[Reply],
    plan: LoadPlan,
    *,
    batch: int = 0,
    slo: SLO = _NO_LIMITS,
    busy: float | None = None,
) -> Load:
    """The figures of batch number ``batch``; what its answers don't tell is None.

    ``slo`` is for a plan that has none of its own. ``busy``: the share of a core that reading took.
    """
    limits = slo if plan.slo == _NO_LIMITS else plan.slo
    responses = [reply.response for reply in replies]
    answers = [reply for reply in replies if reply.response.failure is None]
    times = [timing.of(answer.response) for answer in answers]
    delays_s = [answer.delay_s for answer in answers]
    wall_s = _wall_s(responses)
    load_tps = _per_second(_tokens(responses), wall_s)
    series: dict[str, Iterable[float | None]] = {
        "ttft": [one.ttft_s for one in times],
        "latency": [one.latency_s for one in times],
        "queue": [queue_s(answer.response) for answer in answers],
        "gap": [gap for answer in answers for gap in timing.gaps(answer.response)],
    }
    if plan.rate is not None:
        series["scheduled_ttft"] = _later(series["ttft"], delays_s)
        series["scheduled_latency"] = _later(series["latency"], delays_s)
    kept = sum(keeps(one, limits, delay_s) for one, delay_s in zip(times, delays_s, strict=True))
    percentiles: dict[str, Any] = {
        f"{name}_p{percent}_s": _percentile(series[name], percent) for name in series for percent in (50, 99)
    }
    return Load(
        round=batch,
        requests=plan.requests,
        concurrency=plan.concurrency,
        rate=plan.rate,
        errors=len(replies) - len(answers),
        wall_s=wall_s,
        load_tps=load_tps,
        request_rps=_per_second(len(answers), wall_s),
        goodput_rps=None if limits == _NO_LIMITS else _per_second(kept, wall_s),
        fairness=jain([one.e2e_tps for one in times if one.e2e_tps is not None]),
        client_busy=busy,
        client_ceiling_tps=ceiling.tokens_per_second(load_tps, busy),
        void=_void(responses, wall_s) or ceiling.void(load_tps, busy),
        **percentiles,
    )


def keeps(time: Timing, limits: SLO, delay_s: float = 0.0) -> bool:
    """Whether an answer kept every limit. One without a first token broke TTFT's."""
    if limits.ttft_s is not None and (time.ttft_s is None or time.ttft_s + delay_s > limits.ttft_s):
        return False
    return limits.tpot_s is None or time.tpot_s is None or time.tpot_s <= limits.tpot_s


def queue_s(response: Response) -> float | None:
    """Seconds that a request waited before the server took it up; None where the server does not tell."""
    ttft_s = timing.of(response).ttft_s
    prompt_ms = (response.server_timings or {}).get("prompt_ms")
    if ttft_s is None or prompt_ms is None:
        return None
    return max(0.0, ttft_s - prompt_ms / 1000)


def jain(values: Sequence[float]) -> float | None:
    """Jain's fairness index, from 1/n to 1; None where there is nothing to share."""
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else None


def _wall_s(responses: Sequence[Response]) -> float | None:
    if not responses:
        return None
    ends = (one.chunks[-1].at_ns if one.chunks else one.ended_ns for one in responses)
    return (max(ends) - min(one.started_ns for one in responses)) / timing.NANOSECONDS


def _tokens(responses: Iterable[Response]) -> int | None:
    """Of all answers, broken ones too; None where those of a whole answer are not known."""
    counts = [(one.failure is None, timing.count_tokens(one)[0]) for one in responses]
    if any(whole and count is None for whole, count in counts):
        return None
    return sum(count or 0 for _, count in counts)


def _void(responses: Iterable[Response], wall_s: float | None) -> str | None:
    responses = list(responses)
    if any(one.transport == "replay" for one in responses):
        return "replayed: its times are not of this run"
    lag_s = max((one.lag_s for one in responses if one.lag_s is not None), default=0.0)
    if wall_s and lag_s > wall_s * MAX_LAG_SHARE:
        return f"the client's event loop lagged {lag_s * 1e3:.1f} ms in a batch of {wall_s:.2f} s"
    return None


def _per_second(count: int | None, wall_s: float | None) -> float | None:
    return count / wall_s if count is not None and wall_s else None


def _later(times_s: Iterable[float | None], delays_s: Iterable[float]) -> list[float | None]:
    pairs = zip(times_s, delays_s, strict=True)
    return [None if time_s is None else time_s + delay_s for time_s, delay_s in pairs]


def _percentile(values: Iterable[float | None], percent: float) -> float | None:
    return timing.percentile(sorted(value for value in values if value is not None), percent)
