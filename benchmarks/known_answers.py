"""Answers of known worth, whole as a model says them.

They lie in ``fixtures/answers/<suite>/<scenario>/<language>-<worth>.md``.
The worth is one of ``WORTHS``, with a number where there are several (``en-gamed-2.md``); ``empty`` needs no
file. ``wrong-language`` is a right answer in a language that nobody asked for.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_llmeval import scenarios, shipped
from pytest_llmeval.score import rubric

if TYPE_CHECKING:
    from pytest_llmeval.model import Scenario, Score
    from pytest_llmeval.score.sandbox.protocol import Sandbox
    from pytest_llmeval.score.scorers.protocol import Analyses

FOLDER = Path(__file__).parents[1] / "fixtures" / "answers"
RIGHT = ("reference", "good")
WORTHLESS = ("broken", "refusal", "empty")
NOT_RIGHT = ("mediocre", "wrong", *WORTHLESS, "gamed")
WORTHS = (*RIGHT, *NOT_RIGHT, "wrong-language")
_NAME = re.compile(rf"(?P<language>[a-z]{{2}})-(?P<worth>{'|'.join(WORTHS)})(-\d+)?")


class Known(NamedTuple):
    """An answer to the prompt of one language; ``name`` is its file's, without the ending."""

    scenario: Scenario
    language: str
    worth: str
    name: str
    text: str

    def score(self, analyser: Analyses, sandbox: Sandbox) -> tuple[Score, tuple[str, ...]]:
        """Its score and the reasons for it."""
        return rubric.score(self.scenario, self.language, self.text, analyser, sandbox)


def suite(name: str) -> tuple[Scenario, ...]:
    """The scenarios of a shipped suite, in the order of its files."""
    return tuple(one for path in shipped.files(name) for one in scenarios.load(path).scenarios)


def of(scenario: Scenario, folder: Path = FOLDER) -> tuple[Known, ...]:
    """Its answers of known worth. Raises ``ValueError`` for a file whose name tells no worth."""
    found = []
    for path in sorted((folder / scenario.suite / scenario.id).glob("*")):
        name = _NAME.fullmatch(path.stem)
        if name is None or path.suffix != ".md" or name["language"] not in scenario.prompt:
            raise ValueError(f"{path}: a name is like en-reference.md; worths are {', '.join(WORTHS)}")
        found.append(
            Known(scenario, name["language"], name["worth"], path.stem, path.read_text(encoding="utf-8"))
        )
    return (
        *found,
        *(Known(scenario, language, "empty", f"{language}-empty", "") for language in scenario.prompt),
    )
