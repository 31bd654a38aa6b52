"""Does an answer in prose hold what it must, and is it as long as asked? Read, nothing is executed.

A component is explained where a sentence or an item of a list names it and goes on: it needs words for each
component that it names, and more than names between its commas; sentences that differ in nothing but the
component count once. So strewing keywords explains nothing. A section is there where it says something. An
answer that holds nothing of what it must has avoided nothing either.
Code blocks have no length.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmeval.score import extract, outline, phrases, source

from .protocol import Marks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_llmeval.model import ProseCheck, Scenario

    from .protocol import Answer, Means

ENOUGH_WORDS = {"ko": 4}
"""Words of a sentence that explains a component, or of a section, by language: Korean writes fewer."""
USUALLY_ENOUGH = 6
MORE_WORDS = 0.5
"""Share of them that a sentence needs for each further component."""
LIST_OF_NAMES = 2.5
"""Words between two commas, on average: with fewer it is a list of names and explains nothing."""
_SHOWN = 60
_SYNONYMS = 3
_COMMA = re.compile(r"[,;·、]\s")
_KINDS = ("contains", "lacks", "section", "component")
_PARTS = {"contains": "contains", "lacks": "lacks", "section": "sections", "component": "components"}
CUT_OFF = "the answer was cut off: it has not the length that was asked for"


def score(scenario: Scenario, answer: Answer, means: Means) -> Marks:  # noqa: ARG001 - nothing is executed
    """The share of the checks that pass, times ten."""
    spoken, nothing = extract.spoken(source.normalise(answer.text))
    if nothing is not None:
        return Marks(0.0, reasons=(nothing,))
    checks = scenario.prose_checks
    text = _Text(spoken, answer, [check.component for check in checks if check.component])
    wrong = [text.wrong(check) for check in checks]
    asked = [why for check, why in zip(checks, wrong, strict=True) if not check.unit and not check.lacks]
    if asked and None not in asked:
        wrong = ["nothing" if check.lacks else why for check, why in zip(checks, wrong, strict=True)]
    passed: dict[str, list[bool]] = {}
    for check, why in zip(checks, wrong, strict=True):
        passed.setdefault(_part(check), []).append(why is None)
    reasons = tuple(dict.fromkeys(why for why in wrong if why not in {None, "nothing"}))
    parts = {part: _share(passed[part]) for part in (*_PARTS.values(), "length") if part in passed}
    return Marks(_share([why is None for why in wrong]), parts, reasons=reasons)


class _Text:
    """An answer, read once for all of its checks."""

    def __init__(self, spoken: str, answer: Answer, components: Sequence[Sequence[str]]) -> None:
        self.spoken, self.answer = spoken, answer
        self.parts = outline.read(spoken)
        self.enough = ENOUGH_WORDS.get(answer.language, USUALLY_ENOUGH)
        self.explained = set(_explained(self.parts, components, self.enough))

    def wrong(self, check: ProseCheck) -> str | None:
        """Why the answer does not pass; None where it does."""
        if check.unit is not None:
            return CUT_OFF if self.answer.cut_off else _ill_sized(check, self.answer.text)
        if check.section:
            return self._without_section(check.section)
        if check.component:
            told = f"the answer does not explain {_listed(check.component)}"
            return None if tuple(check.component) in self.explained else told
        if check.lacks:
            found = next((text for text in check.lacks if phrases.holds(self.spoken, text)), None)
            return None if found is None else f"the answer holds {_told(found)}, which it must not"
        if phrases.holds_one(self.spoken, check.contains):
            return None
        return f"the answer does not hold {_listed(check.contains)}"

    def _without_section(self, titles: Sequence[str]) -> str | None:
        named = [one for one in outline.sections(self.parts) if phrases.holds_one(one.title, titles)]
        if not named:
            return f"the answer has no section {_listed(titles)}"
        words = max(phrases.length(one.body, "words") for one in named)
        if words >= self.enough:
            return None
        return f"the section {_told(named[0].title)} " + ("says next to nothing" if words else "is empty")


def _explained(
    parts: Sequence[outline.Part], components: Sequence[Sequence[str]], enough: int
) -> Iterator[tuple[str, ...]]:
    """The components that are explained somewhere."""
    shapes: set[str] = set()
    for piece in (piece for part in parts if part.kind != "heading" for piece in _pieces(part)):
        named = [texts for texts in components if phrases.holds_one(piece, texts)]
        words = phrases.length(piece, "words")
        needed = enough * (1 + MORE_WORDS * (len(named) - 1))
        if not named or words < needed or words < LIST_OF_NAMES * len(_COMMA.split(piece)):
            continue
        shape = phrases.without(piece, [text for texts in named for text in texts])
        if shape not in shapes:
            shapes.add(shape)
            yield from map(tuple, named)


def _pieces(part: outline.Part) -> list[str]:
    """An item of a list as a whole (its first words name what the others explain), sentences of a text."""
    return phrases.sentences(part.text) if part.kind == "text" else [part.text]


def _part(check: ProseCheck) -> str:
    """What a check counts towards, by name."""
    return next((_PARTS[kind] for kind in _KINDS if getattr(check, kind)), "length")


def _share(passed: Sequence[bool]) -> float:
    return round(10 * sum(passed) / len(passed), 3)


def _ill_sized(check: ProseCheck, text: str) -> str | None:
    assert check.unit is not None
    size = phrases.length(extract.prose(text), check.unit)
    if check.least <= size <= check.most:
        return None
    asked = f"at most {check.most}" if check.least <= 1 else f"{check.least} to {check.most}"
    return f"the answer has {size} {check.unit}, asked for were {asked}"


def _listed(texts: Sequence[str]) -> str:
    """The first of the texts: more of them tell a reader nothing."""
    return " or ".join(map(_told, texts[:_SYNONYMS]))


def _told(text: str) -> str:
    text = " ".join(re.sub(r"(?<=\w)\*", "", text).split())
    return f"`{text if len(text) <= _SHOWN else f'{text[: _SHOWN - 1]}…'}`"
