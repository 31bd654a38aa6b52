"""What is kept of a run."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from .endpoint import Facts
from .record import Cost, Record, Telemetry

VerdictName = Literal["ok", "regressed", "improved", "inconclusive", "missing", "stale", "new", "not run"]


class Hosted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a server that the run started.

    ``cold_start_s``: from its first start to healthy; ``cold_ttft_s``: TTFT of the first request then.
    ``log``: its last log, in the run's folder. ``death``: why it ended before the run did.
    """

    starts: int
    cold_start_s: float
    log: str
    cold_ttft_s: float | None = None
    death: str | None = None


class Analysers(Struct, frozen=True, kw_only=True):
    """Who analysed: versions, and the hash of the rules. Scores of different ones are not comparable."""

    pylint: str
    astroid: str
    radon: str
    python: str
    rules: str


class Commit(Struct, frozen=True, kw_only=True):
    """The project's git commit, and whether the work tree differed from it."""

    id: str
    dirty: bool


class Host(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The machine of the run, without its name. ``memory_bytes`` in all; ``gpus``: the model of each."""

    cpus: int
    os: str
    python: str
    cpu_model: str | None = None
    memory_bytes: int | None = None
    gpus: tuple[str, ...] = ()


class Part(Struct, frozen=True, kw_only=True):
    """A stretch of time in which a resumed run was under way, in seconds since the run's start."""

    started_s: float
    finished_s: float


class Shard(Struct, frozen=True, kw_only=True):
    """Which part of a run's cells this is. ``whole``: every cell of the shard ran."""

    number: int
    of: int
    whole: bool


class Selection(Struct, frozen=True, kw_only=True):
    """What the run had in view, for telling a vanished cell from one that was not run.

    ``suites``: suites that were seen whole. ``cells``: the key of every cell that the scenario files yield,
    deselected ones and other prompt languages included.
    """

    suites: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()


class Verdict(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One promise, kept or not. ``cell`` None: the whole endpoint.

    ``effect``: new/old - 1 in the metric's own unit (a TTFT twice as long: +1.0), points for scores.
    ``worse``: whether that direction is bad. ``interval``: 95 % confidence, same unit. ``detectable``: the
    smallest effect that would have been red with 90 % power. ``sessions``: how many the baseline held.
    ``confirmed``: whether a loss was seen again when its cells were measured once more.
    """

    endpoint: str
    metric: str
    verdict: VerdictName
    sentence: str
    cell: str | None = None
    effect: float | None = None
    worse: bool | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    detectable: float | None = None
    sessions: int | None = None
    confirmed: bool | None = None

    @property
    def red(self) -> bool:
        """Whether this verdict alone fails the build."""
        return self.verdict in ("regressed", "missing")

    def fails(self, *, strict: bool = False, inconclusive: bool = False) -> bool:
        """Whether it fails the build. ``strict`` fails for what could not be checked too: what is stale, and
        what was cut off in time; ``inconclusive`` for such.
        """
        cut_off = self.verdict == "not run" and self.metric == "time"
        return (
            self.red
            or (strict and (self.verdict == "stale" or cut_off))
            or (inconclusive and self.verdict == "inconclusive")
        )


class Run(Struct, frozen=True, kw_only=True):
    """One pytest invocation: the run file. ``complete``: every selected cell ran and nothing interrupted it.

    ``interrupted``: it was cut off (Ctrl-C, a crash), so that it is published and not judged. ``telemetry``,
    ``servers`` and ``costs`` are by endpoint. ``sandbox``: what answers were executed in, ``none`` without
    protection; None where none was executed. ``unconfirmed``: endpoint -> why cells of it could not be
    measured once more before they were red. ``reference``: the endpoint that the others were asked in turn
    with, and are compared with. ``cut_off``: endpoint -> cells that were not asked, or not to their end,
    because the run may take ``max_time_s`` only. ``parts``: of a run that was resumed; none of one in
    one piece. A ``shard`` alone is never complete. ``strict`` and ``fail_inconclusive``: what it was to fail
    for beside what is worse, see ``Verdict.fails``.
    """

    schema: str = "llmeval-run/1"
    id: str
    started: str
    finished: str
    complete: bool
    interrupted: bool = False
    reference: str | None = None
    plugin: str
    host: Host
    analysers: Analysers | None = None
    sandbox: str | None = None
    commit: Commit | None = None
    parts: tuple[Part, ...] = ()
    shard: Shard | None = None
    endpoints: dict[str, Facts] = field(default_factory=dict)
    selection: Selection = Selection()
    cells: tuple[Record, ...] = ()
    telemetry: dict[str, Telemetry] = field(default_factory=dict)
    servers: dict[str, Hosted] = field(default_factory=dict)
    costs: dict[str, Cost] = field(default_factory=dict)
    unconfirmed: dict[str, str] = field(default_factory=dict)
    max_time_s: float | None = None
    cut_off: dict[str, tuple[str, ...]] = field(default_factory=dict)
    strict: bool = False
    fail_inconclusive: bool = False
    verdicts: tuple[Verdict, ...] = ()

    @property
    def red(self) -> tuple[Verdict, ...]:
        """The verdicts that fail the build."""
        return tuple(filter(self.is_red, self.verdicts))

    def is_red(self, verdict: Verdict) -> bool:
        """Whether a verdict on this run fails the build."""
        return verdict.fails(strict=self.strict, inconclusive=self.fail_inconclusive)
