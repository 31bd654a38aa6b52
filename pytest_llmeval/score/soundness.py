"""Does a scenario tell right answers from wrong ones? Tried on what it holds itself, without any endpoint.

Every right answer of its own must score as one. What the prompt shows must not be an answer already. Small
wrong variants of the reference must score below it: their share is how sharp the scenario's checks are.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_llmeval import oracle, problems

from . import mutants, rubric
from .sandbox.protocol import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmeval.model import Scenario, Score

    from .analysis import Analysis
    from .sandbox.protocol import Limits, Result, Sandbox
    from .scorers.protocol import Analyses

RIGHT = 9.5
"""Correctness of a reference, at least."""
GOOD = 8.0
"""That of another right answer, which may be less of what was asked for: less simple, tests less sharp."""
TIDY = 8.0
"""Quality of a reference in Python, at least; others wrote the solutions in a file of problems."""
SHARP = 0.5
"""Share of the reference's variants that must score below it; some are as right as it is."""
_SHOWN = 3
_CALL_S = 0.5


class Solution(NamedTuple):
    """A right answer of the scenario's own: its file's ``name``, the whole ``text``, the ``code`` in it."""

    name: str
    language: str
    text: str
    code: str

    @property
    def is_reference(self) -> bool:
        """Whether it is to be as good as an answer can be."""
        return self.name.startswith("reference")


class Soundness(NamedTuple):
    """What was found. ``mistakes`` are sentences, none of a sound scenario.

    ``scores`` are those of the right answers, by name. ``survivors``: the variants of the reference, of
    ``variants`` in all, that score like it.
    """

    mistakes: tuple[str, ...]
    scores: dict[str, Score]
    variants: int = 0
    survivors: tuple[str, ...] = ()


def of(scenario: Scenario, analyser: Analyses, sandbox: Sandbox) -> Soundness:
    """Try a scenario. Raises ``SandboxError`` where nothing can be executed at all."""
    right = list(solutions(scenario)) if scenario.is_checked else []
    scores: dict[str, Score] = {}
    mistakes: list[str] = []
    for one in right:
        scores[one.name], reasons = rubric.score(scenario, one.language, one.text, analyser, sandbox)
        tidy = 0.0 if problems.is_suite(scenario.suite) else TIDY
        mistakes += _low(one, scores[one.name], reasons, tidy=tidy)
    if not right or mistakes or scenario.answer.code != "python":
        return Soundness(tuple(mistakes), scores)
    worth = scores[right[0].name].correctness or 0.0
    if scenario.given is not None:
        shown, _ = rubric.score(scenario, right[0].language, fenced(scenario.given), analyser, sandbox)
        if (shown.correctness or 0.0) >= worth:
            mistakes.append(f"what the prompt shows scores {_figure(shown.correctness)} as it stands")
    if not (scenario.checks or scenario.tests):
        return Soundness(tuple(mistakes), scores)
    variants, survivors = _survivors(scenario, right[0], worth, analyser, sandbox)
    if len(survivors) > (1 - SHARP) * variants:
        what = f"{len(survivors)} of {variants} wrong variants of {right[0].name} score like it"
        mistakes.append(f"{what}: {'; '.join(survivors[:_SHOWN])}")
    return Soundness(tuple(mistakes), scores, variants, survivors)


def solutions(scenario: Scenario) -> Iterator[Solution]:
    """The right answers that the scenario holds, its reference first.

    ``reference.ko.md`` answers the Korean prompt. A file without a language answers the first prompt that has
    none of its own: code is the same in all of them, and prose is in one.
    """
    languages = list(scenario.prompt)
    paths = [] if scenario.oracle is None else [*_files(Path(scenario.oracle), languages)]
    if not paths and scenario.reference is not None:
        yield _solution("reference:", languages[0], scenario.reference, scenario.answer.code)
    for path, language in paths:
        kind = None if path.suffix == ".md" else scenario.answer.code
        yield _solution(path.name, language, path.read_text(encoding="utf-8"), kind)


def fenced(code: str, kind: str = "python") -> str:
    """Code as a model answers it."""
    end = "" if code.endswith("\n") else "\n"
    return f"````{kind}\n{code}{end}````\n"


def stale(scenario: Scenario) -> str | None:
    """Why the scenario's frozen vectors are out of date; None where they are not, or nothing makes any."""
    if scenario.oracle is None or not (Path(scenario.oracle) / oracle.STRATEGIES).is_file():
        return None
    return oracle.stale(Path(scenario.oracle))


def _files(folder: Path, languages: list[str]) -> Iterator[tuple[Path, str]]:
    """The files of right answers with the prompt language that each answers."""
    for stem in ("reference", "second"):
        found = sorted(folder.glob(f"{stem}*.*"), key=lambda path: (path.name.count("."), path.name))
        own = {words[1] for words in (path.name.split(".") for path in found) if len(words) == 3}
        for path in found:
            words = path.name.split(".")
            if len(words) == 3 and words[1] in languages:
                yield path, words[1]
            elif len(words) == 2:
                yield path, next((one for one in languages if one not in own), languages[0])


def _solution(name: str, language: str, text: str, kind: str | None) -> Solution:
    return Solution(name, language, text if kind is None else fenced(text, kind), text)


def _low(solution: Solution, score: Score, reasons: tuple[str, ...], *, tidy: float) -> Iterator[str]:
    """What a right answer should have scored and did not."""
    why = f": {'; '.join(reasons[:_SHOWN])}" if reasons else ""
    least = RIGHT if solution.is_reference else GOOD
    if score.correctness is None or score.correctness < least:
        yield f"{solution.name} scores {_figure(score.correctness)} for correctness, not {least}{why}"
    elif solution.is_reference and score.quality is not None and score.quality < tidy:
        yield f"{solution.name} scores {_figure(score.quality)} for quality, not {tidy}{why}"


def _survivors(
    scenario: Scenario, reference: Solution, worth: float, analyser: Analyses, sandbox: Sandbox
) -> tuple[int, tuple[str, ...]]:
    """How many variants there are, and which of them score like the reference."""
    variants = mutants.of(reference.code)
    same, impatient = _Same(analyser.analyse(reference.code)), _Impatient(sandbox)
    survivors = []
    for variant in variants:
        score, _ = rubric.score(scenario, reference.language, fenced(variant.code), same, impatient)
        if (score.correctness or 0.0) >= worth:
            survivors.append(str(variant))
    return len(variants), tuple(survivors)


class _Same:
    """Finds in every variant what was found in the reference: only whether it is right is of interest."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis

    def analyse(self, code: str) -> Analysis:  # noqa: ARG002 - see the class
        """See ``Analyses.analyse``."""
        return self._analysis


class _Impatient:
    """A sandbox for programs that may never end."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.name = sandbox.name
        self._sandbox = sandbox

    def run(self, code: str, calls: tuple[str, ...], limits: Limits = DEFAULT) -> tuple[Result, ...]:
        """See ``Sandbox.run``."""
        return self._sandbox.run(code, calls, limits._replace(call_s=_CALL_S))


def _figure(score: float | None) -> str:
    return "nothing" if score is None else f"{score:.1f}"
