"""What is asked of it: a prompt with its checks."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

Language = str
"""A prompt language: an ISO 639-1 code, ``en`` or ``ko`` in the shipped suites."""


class AnswerSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What form the answer takes: ``code`` a programming language or None for prose.

    ``requires`` are names or signatures (``"class LRUCache"``, ``"fib(n)"``) that the code must define.
    """

    code: str | None = None
    requires: tuple[str, ...] = ()


class Parameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Sampling parameters of a scenario. ``max_tokens`` -1: as much as fits the context window."""

    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None


class Check(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One executed check: ``call`` returns ``equals``, or raises ``raises``, an exception's name.

    ``equals`` is any YAML value; it counts only where ``raises`` is None.
    """

    call: str
    equals: Any = None
    raises: str | None = None


class PatternCheck(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A text that a regular expression must match as a whole, or must not."""

    text: str
    matches: bool = True


class QueryCheck(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A database and what a query returns on it: ``rows``, or those of the scenario's reference (None).

    ``insert`` is SQL that fills the tables which the scenario gives.
    """

    insert: str
    rows: tuple[tuple[Any, ...], ...] | None = None


class ProseCheck(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One check of an answer in prose: it holds one of the texts ``contains``, or none of ``lacks``; it has a
    ``section`` under one of these headings; it explains a ``component`` by one of these names; or its length
    is in bounds.

    ``unit`` is what the length counts, from ``least`` to ``most``, both included.
    """

    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    section: tuple[str, ...] = ()
    component: tuple[str, ...] = ()
    unit: Literal["words", "sentences", "characters"] | None = None
    least: int = 0
    most: int = 0


class ReviewCheck(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A ``defect`` that was planted in ``line`` (1-based) of the code that a scenario gives to review, or,
    of code without any, the texts by which an answer says that it is ``clean``.

    ``words``: groups; a finding that holds a word of each is about this defect, or one that names the line
    and holds a word of the first.
    """

    defect: str = ""
    line: int = 0
    words: tuple[tuple[str, ...], ...] = ()
    clean: tuple[str, ...] = ()


class SLO(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an answer under load must keep to count as goodput; None asks nothing."""

    ttft_s: float | None = None
    tpot_s: float | None = None


class LoadPlan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a load cell asks.

    Without ``rate`` a closed loop: ``concurrency`` requests at once, ``requests`` in all. With ``rate``
    (requests a second) an open loop: each is sent when its time has come, evenly spaced (``constant``) or as
    a Poisson process; ``concurrency`` then bounds how many are under way at once, and None does not.
    """

    requests: int
    concurrency: int | None = None
    rate: float | None = None
    arrivals: Literal["poisson", "constant"] = "poisson"
    slo: SLO = SLO()


class Scenario(Struct, frozen=True, kw_only=True):
    """One prompt (per language) with its checks. ``path``/``line`` (1-based) say where it is written.

    ``given`` is what the prompt shows and the answer is about (tables of a query, code to mend), and
    ``reference`` a right answer; both may lie in the folder ``oracle``, whose frozen vectors are among the
    ``checks``. ``tests``: the source of tests that the answer's code must pass.
    ``checks``, ``patterns`` and ``queries`` are executed, ``prose_checks`` and ``review`` read.
    ``asks``: what an answer must hold besides its code. ``rubric``: the weights of ``total`` where they are
    not the default. ``gate`` False: scores are shown, not judged. ``load``: a round is a batch of requests.
    ``cold``: the server is started anew for each round. ``finish``: the only way in which an answer may end.
    ``suffix``: what follows the gap that the answer is to fill, after the prompt. ``rounds``: samples of a
    cell where the user says nothing else.
    """

    suite: str
    id: str
    prompt: dict[Language, str]
    suffix: str | None = None
    category: str = "general"
    system: str | None = None
    answer: AnswerSpec = AnswerSpec()
    given: str | None = None
    reference: str | None = None
    oracle: str | None = None
    tests: str | None = None
    checks: tuple[Check, ...] = ()
    patterns: tuple[PatternCheck, ...] = ()
    queries: tuple[QueryCheck, ...] = ()
    prose_checks: tuple[ProseCheck, ...] = ()
    review: tuple[ReviewCheck, ...] = ()
    asks: tuple[Literal["explanation", "docstring"], ...] = ()
    rubric: dict[str, float] = field(default_factory=dict)
    gate: bool = True
    load: LoadPlan | None = None
    cold: bool = False
    finish: Literal["stop"] | None = None
    parameters: Parameters = Parameters()
    floor: dict[str, float] = field(default_factory=dict)
    rounds: int | None = None
    tags: tuple[str, ...] = ()
    path: str = ""
    line: int = 1

    @property
    def is_executed(self) -> bool:
        """Whether its answers have to be executed to tell whether they are right."""
        return bool(self.checks or self.tests or self.patterns or self.queries) or self.wants_tests

    @property
    def wants_tests(self) -> bool:
        """Whether its answers are tests of the code that it gives; its reference is tests of it, too."""
        return (
            self.category == "unit-test"
            and self.answer.code == "python"
            and self.given is not None
            and self.reference is not None
        )

    @property
    def is_documentation(self) -> bool:
        """Whether its answers document the code that it gives: nothing of an answer's code is its own."""
        return self.category == "documentation" and self.given is not None

    @property
    def is_checked(self) -> bool:
        """Whether anything tells right answers from wrong ones."""
        return self.is_executed or bool(self.prose_checks or self.review) or self.is_documentation

    @property
    def has_quality(self) -> bool:
        """Whether its answers are code of their own that can be analysed."""
        return self.answer.code == "python" and not self.is_documentation


class Suite(Struct, frozen=True):
    """Scenarios of one file; several files may share a suite's name."""

    name: str
    scenarios: tuple[Scenario, ...]
    path: str


def cell_key(suite: str, scenario: str, language: Language) -> str:
    """``suite/scenario/language``: the key of a cell in baselines and verdicts."""
    return f"{suite}/{scenario}/{language}"


def suite_of(key: str) -> str:
    """The suite of a cell's key; that of an ``llm`` test is a path and holds slashes itself."""
    return key.rsplit("/", 2)[0]
