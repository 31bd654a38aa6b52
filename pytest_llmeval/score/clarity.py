"""What an answer says in words -> the parts of ``clarity``, 0-10 each.

* language: whether the prose keeps the prompt's language, where there is enough prose to tell.
* explanation, where it was asked for: words beside the code, in the prompt's language, neither a stump nor a
  flood. Words count once each, so that repeating them is no explanation, and announcing code is none.
* docstring, where it was asked for: the required functions and the public methods of required classes have
  one, and it names their parameters.
"""

from __future__ import annotations

import re
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from . import contract, extract, interfaces, phrases, source
from .scorers import language as languages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_llmeval.model import Scenario

    from .interfaces import Interface
    from .scorers.protocol import Answer

ENOUGH_WORDS = {"ko": 4}
"""Different words of an explanation, by language: fewer are a stump. Korean needs fewer than English."""
USUALLY_ENOUGH = 6
MOST_WORDS = 200
"""Words from which an explanation of code is a flood."""
_ANNOUNCED = re.compile(r"^.*[:：][*_\s]*$", re.MULTILINE)
"""A line such as "Here is the function:", which explains nothing."""
PRESENT = 4.0
"""Of ten points for a docstring, those for being there; the others are for naming the parameters."""
LEAST_DOCSTRING = 2
"""Words that say something."""
_SHOWN = 5


class Clear(NamedTuple):
    """The parts by name, and why they are not higher."""

    parts: Mapping[str, float]
    reasons: tuple[str, ...] = ()


def of(scenario: Scenario, answer: Answer) -> Clear:
    """The parts that the scenario asks for, and the language."""
    prose = _beside(answer)
    kept, drifted = languages.kept(prose, answer.language)
    parts: dict[str, float] = {} if kept is None else {"language": 10.0 if kept else 0.0}
    reasons = [drifted] if drifted else []
    if "explanation" in scenario.asks:
        parts["explanation"], why = _explanation(prose, answer.language) if kept is not False else (0.0, None)
        reasons += [why] if why else []
    if "docstring" in scenario.asks:
        parts["docstring"], undocumented = _docstring(answer.code, scenario.answer.requires)
        reasons += undocumented
    return Clear(parts, tuple(reasons))


def _beside(answer: Answer) -> str:
    """The words of an answer, without the lines of its code where that was not fenced."""
    prose = extract.prose(answer.text)
    if not answer.code:
        return prose
    code = {line.strip() for line in answer.code.split("\n")}
    return "\n".join(line for line in prose.split("\n") if line.strip() not in code)


def _explanation(prose: str, language: str) -> tuple[float, str | None]:
    prose = _ANNOUNCED.sub("", prose)
    different, words = len(set(phrases.plain(prose).split())), phrases.length(prose, "words")
    if not words:
        return 0.0, "an explanation was asked for, and there is none beside the code"
    if words > MOST_WORDS:
        return round(10 * MOST_WORDS / words, 3), f"the explanation has {words} words: too many to be read"
    enough = ENOUGH_WORDS.get(language, USUALLY_ENOUGH)
    if different >= enough:
        return 10.0, None
    return round(10 * different / enough, 3), f"the explanation has only {different} different words"


def _docstring(code: str, requires: Sequence[str]) -> tuple[float, list[str]]:
    tree = source.parse(code).tree
    asked = _asked(interfaces.of(tree), contract.required_names(requires)) if tree is not None else []
    if not asked:
        return 0.0, ["docstrings were asked for, and there is nothing that could have one"]
    marks = [_named(one) for one in asked]
    reasons = [why for _, why in marks if why is not None]
    return round(fmean(mark for mark, _ in marks), 3), reasons[:_SHOWN]


def _asked(found: Iterable[Interface], required: frozenset[str]) -> list[Interface]:
    """The required functions, classes and methods; all public ones where nothing is required."""
    return [
        one
        for one in found
        if not one.is_constructor and (not required or one.name.partition(".")[0] in required)
    ]


def _named(one: Interface) -> tuple[float, str | None]:
    """How well a docstring says what its function takes."""
    if one.docstring is None:
        return 0.0, f"`{one.name}` has no docstring"
    if len(phrases.content(one.docstring)) < LEAST_DOCSTRING:
        return 0.0, f"the docstring of `{one.name}` says nothing"
    missing = [name for name in one.parameters if not phrases.holds(one.docstring, name)]
    if not missing:
        return 10.0, None
    share = 1 - len(missing) / len(one.parameters)
    listed = ", ".join(f"`{name}`" for name in missing)
    return PRESENT + (10 - PRESENT) * share, f"the docstring of `{one.name}` does not name {listed}"
