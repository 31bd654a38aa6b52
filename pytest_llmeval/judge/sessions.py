"""A baseline's sessions, and the figures that a run brings to one."""

from __future__ import annotations

from itertools import pairwise
from statistics import fmean, median
from typing import TYPE_CHECKING

from msgspec import Struct, field

from pytest_llmeval.model import SCORES, Analysers, Facts, Load, Record, Run, Sample, suite_of

from .metrics import METRICS, Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_llmeval.model import Policy

SCHEMA = "llmeval-baseline/1"


class Fingerprints(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What figures are bound to. ``scoring``: analysers and rules, for scores. ``hardware``: for timings of a
    server on the machine of the run (cores, CPU and GPU models; no host name), else None."""

    scoring: dict[str, str] | None = None
    hardware: dict[str, str | int] | None = None


class CellFigures(Struct, frozen=True, kw_only=True, gc=False):
    """One cell in one session. ``samples``: metric -> its figures, in the order of the rounds.

    ``checks_sha256``: None in files made before it was known.
    """

    prompt_sha256: str
    parameters_sha256: str
    checks_sha256: str | None = None
    samples: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def question(self) -> tuple[str, str]:
        """What was asked: only the same can be compared."""
        return self.prompt_sha256, self.parameters_sha256


def checked_alike(one: CellFigures | Record, other: CellFigures | Record) -> bool:
    """Whether nothing is known that scored the two differently: files of old do not say."""
    known = one.checks_sha256, other.checks_sha256
    return None in known or known[0] == known[1]


def asked_otherwise(old: Mapping[str, CellFigures], new: Mapping[str, CellFigures]) -> list[str]:
    """The cells of both that were not asked the same, sorted."""
    return sorted(key for key in old.keys() & new.keys() if old[key].question != new[key].question)


def checked_otherwise(old: Mapping[str, CellFigures], new: Mapping[str, CellFigures]) -> list[str]:
    """The cells of both that were asked the same, and scored by other checks, sorted."""
    same = old.keys() & new.keys() - set(asked_otherwise(old, new))
    return sorted(key for key in same if not checked_alike(old[key], new[key]))


class Session(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One run, as evidence. ``run`` is its id, ``date`` when it started (UTC), ``commit`` the project's."""

    run: str
    date: str
    commit: str | None = None
    fingerprints: Fingerprints = Fingerprints()
    cells: dict[str, CellFigures] = field(default_factory=dict)


class Epoch(Struct, frozen=True, kw_only=True):
    """Sessions of one level, oldest first. ``facts``: what the endpoint said it is in the latest of them."""

    facts: Facts
    sessions: tuple[Session, ...] = ()


class Baseline(Struct, frozen=True, kw_only=True):
    """What one endpoint promises. Only the last epoch is evidence; the earlier ones are history."""

    schema: str = SCHEMA
    endpoint: str
    epochs: tuple[Epoch, ...] = ()

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The sessions of the current epoch, oldest first."""
        return self.epochs[-1].sessions if self.epochs else ()

    @property
    def facts(self) -> Facts | None:
        """What the endpoint was."""
        return self.epochs[-1].facts if self.epochs else None

    @property
    def cells(self) -> dict[str, CellFigures]:
        """Every cell of the current epoch, as its latest session has it, sorted by key."""
        latest = {key: cell for session in self.sessions for key, cell in session.cells.items()}
        return dict(sorted(latest.items()))


def session(run: Run, endpoint: str) -> Session:
    """The run as a session of one endpoint's baseline."""
    facts = run.endpoints.get(endpoint)
    return Session(
        run=run.id,
        date=run.started,
        commit=run.commit.id if run.commit else None,
        fingerprints=Fingerprints(
            scoring=scoring(run), hardware=hardware(run) if facts is not None and facts.here else None
        ),
        cells={record.key: cell_figures(record) for record in records(run, endpoint)},
    )


def cell_figures(record: Record) -> CellFigures:
    """What one record is worth as evidence: only metrics that have figures."""
    found = {metric: figures(record, metric) for metric in METRICS}
    return CellFigures(
        prompt_sha256=record.prompt_sha256,
        parameters_sha256=record.parameters_sha256,
        checks_sha256=record.checks_sha256,
        samples={metric: values for metric, values in found.items() if values},
    )


def by_round(record: Record, metric: str, *, against: str | None = None) -> list[tuple[int, float]]:
    """Every figure of one metric that may be judged by, with its round: the one mapping for baselines and
    verdicts.

    Failed requests have no figures. Void, replayed and retried ones have no timings. A time to first token
    counts where the prefix cache was defeated (``cold``), or in the first measured request where that is
    unknown. The peak of GPU memory is a figure of the cell, ``load_tps`` one of a round; a round of a load
    has one of every metric, over its batch: requests that were under way together are no samples of their
    own. ``against``: of a reference, only what was asked in turn with that endpoint.
    """

    def is_wanted(one: Sample | Load) -> bool:
        return against is None or one.against in {None, against}

    if metric == "load_tps":
        good = [load for load in record.load if is_wanted(load) and not load.void]
        return [(load.round, load.load_tps) for load in good if load.load_tps is not None]
    if metric == "gpu_memory_peak_bytes":
        peak = record.telemetry.peak.get("gpu_memory_used_bytes") if record.telemetry else None
        return [] if peak is None else [(0, peak)]
    first = min(record.samples, key=lambda sample: (sample.at_s, *_place(sample)), default=None)
    found = []
    for sample in filter(is_wanted, record.samples):
        is_first = sample is first
        value = _score(sample, metric) if metric in SCORES else _timing(sample, metric, is_first=is_first)
        if value is not None:
            found.append((sample.round, value))
    return _by_batch(found, fmean if metric in SCORES else median) if record.load else found


def figures(record: Record, metric: str) -> tuple[float, ...]:
    """``by_round`` without the rounds."""
    return tuple(value for _, value in by_round(record, metric))


def _by_batch(
    found: Sequence[tuple[int, float]], centre: Callable[[Sequence[float]], float]
) -> list[tuple[int, float]]:
    batches: dict[int, list[float]] = {}
    for number, value in found:
        batches.setdefault(number, []).append(value)
    return [(number, centre(values)) for number, values in batches.items()]


def _place(sample: Sample) -> tuple[int, int]:
    return sample.round, sample.request or 0


def _score(sample: Sample, metric: str) -> float | None:
    return getattr(sample.score, metric) if sample.ok and sample.score is not None else None


def _timing(sample: Sample, metric: str, *, is_first: bool) -> float | None:
    if not sample.ok or sample.void or sample.transport == "replay" or sample.retries:
        return None
    if metric == "ttft_s" and not (
        sample.cache == "cold" or (sample.cache in {None, "unknown"} and is_first)
    ):
        return None
    value: float | None = getattr(sample, metric)
    return value


def is_judged(record: Record, metric: Metric) -> bool:
    """Whether a metric of this cell may turn a build red: scores with ``gate: false`` may not."""
    return metric.timing or record.gate


def starved(record: Record) -> str | None:
    """Why most of a cell's good samples have no timings that count; None where they have."""
    good = [sample for sample in record.samples if sample.ok]
    reasons = [sample.void for sample in good if sample.void]
    return reasons[0] if 2 * len(reasons) > len(good) else None


def too_long_a_pause_s(run: Run, endpoint: str, policy: Policy) -> float | None:
    """How long a resumed run paused between two parts in which the endpoint was asked, where that is more
    than the policy allows one session.
    """
    asked = [sample.at_s for record in records(run, endpoint) for sample in record.samples]
    parts = [part for part in run.parts if any(part.started_s <= at <= part.finished_s for at in asked)]
    pause_s = max((after.started_s - before.finished_s for before, after in pairwise(parts)), default=0.0)
    return pause_s if pause_s > policy.max_pause_s else None


def records(run: Run, endpoint: str) -> list[Record]:
    """The endpoint's records, sorted by cell."""
    return sorted((record for record in run.cells if record.endpoint == endpoint), key=lambda one: one.key)


def endpoints(run: Run) -> list[str]:
    """Every endpoint that has a record, sorted."""
    return sorted({record.endpoint for record in run.cells})


def scoring(run: Run) -> dict[str, str] | None:
    """The scoring fingerprint."""
    return scoring_by(run.analysers) if run.analysers is not None else None


def scoring_by(one: Analysers) -> dict[str, str]:
    """The scoring fingerprint of scores by these analysers and rules."""
    return {
        "astroid": one.astroid,
        "pylint": one.pylint,
        "python": one.python,
        "radon": one.radon,
        "rules": one.rules,
    }


def hardware(run: Run) -> dict[str, str | int]:
    """The hardware fingerprint: what a timing on this machine depends on, as far as it is known."""
    host = run.host
    known = {"cpus": host.cpus, "cpu_model": host.cpu_model, "gpus": ", ".join(host.gpus)}
    return {name: value for name, value in known.items() if value}


def on_same_machine(one: Mapping[str, str | int] | None, other: Mapping[str, str | int] | None) -> bool:
    """Whether nothing is known that tells the two machines apart: files of old do not name GPUs."""
    both = (one or {}).keys() & (other or {}).keys()
    return all(one[name] == other[name] for name in both) if one and other else True


def vanished(keys: Iterable[str], run: Run) -> list[str]:
    """The cells whose suite this run saw whole, and which no scenario file yields any more."""
    suites, cells = set(run.selection.suites), set(run.selection.cells)
    return sorted(key for key in keys if suite_of(key) in suites and key not in cells)


def kept(sessions: Sequence[Session], limit: int) -> tuple[Session, ...]:
    """The first three, which creep is measured from, and the latest, ``limit`` in all."""
    if len(sessions) <= limit:
        return tuple(sessions)
    return (*sessions[:3], *sessions[len(sessions) - max(0, limit - 3) :])
