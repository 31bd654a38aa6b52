"""What a scorer is: an answer, and the means to look at it -> marks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from pytest_llmeval.errors import SandboxError
from pytest_llmeval.score.sandbox.protocol import Unusable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmeval.model import Scenario
    from pytest_llmeval.score.analysis import Analysis
    from pytest_llmeval.score.sandbox.protocol import Sandbox


class Analyses(Protocol):
    """What scores need of an ``Analyser``."""

    def __hash__(self) -> int:
        """By identity: what was found of a scenario's own code is kept for each."""
        ...

    def analyse(self, code: str) -> Analysis:
        """The figures of one snippet."""
        ...


class Means(NamedTuple):
    """What a scorer may use; without a sandbox whatever it executes raises ``SandboxError``."""

    analyser: Analyses
    sandbox: Sandbox = Unusable(SandboxError("there is no sandbox to execute the answer in"))


class Answer(NamedTuple):
    """``code`` is what was extracted, empty for prose. ``cut_off``: it ended at its token limit.

    ``language``: the prompt's.
    """

    text: str
    code: str = ""
    cut_off: bool = False
    language: str = "en"


class Marks(NamedTuple):
    """``correctness`` 0-10, None where nothing tells it, with its parts and why it is not higher.

    ``clear``: parts of ``clarity``, 0-10, by name.
    """

    correctness: float | None = None
    parts: Mapping[str, float] = {}
    clear: Mapping[str, float] = {}
    reasons: tuple[str, ...] = ()


class Special(Protocol):
    """A scorer of one category, for the scenarios that have what it needs."""

    def fits(self, scenario: Scenario) -> bool:
        """Whether the scenario has it."""
        ...

    def score(self, scenario: Scenario, answer: Answer, means: Means) -> Marks:
        """See ``Scorer``."""
        ...


class Scorer(Protocol):
    """One way of telling whether an answer is right."""

    def __call__(self, scenario: Scenario, answer: Answer, means: Means) -> Marks:
        """Raises ``UnscorableError`` where nothing tells right from wrong: no sandbox, a broken reference."""
        ...
