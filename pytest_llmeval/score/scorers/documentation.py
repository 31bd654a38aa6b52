"""Does documentation say what its code offers? Held against the signatures and the bodies of the given code.

What has to be said: of each public class, function and method what it does; of each of its parameters, of
what it returns or yields, and of each exception that it raises, what that is. Each counts the same: in full
where it is described, ``NAMED`` where it is named and no more is said than the name and the type do,
``MENTIONED`` for a parameter that only a sentence names. Sentences of little but names say nothing. A
parameter that does not exist, and exceptions far beyond those that are raised, count as things said wrong.
Half of it counts in another language.

The answer is the given code with docstrings (any other change, and nothing of it counts), or Markdown with a
heading for each name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_llmeval.score import docstrings, documented, extract, interfaces, phrases, source

from . import language as languages
from .protocol import Marks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_llmeval.model import Scenario
    from pytest_llmeval.score.interfaces import Interface

    from .protocol import Answer, Means

NAMED = 0.3
MENTIONED = 0.6
OTHER_LANGUAGE = 0.5
LEAST_WORDS = 2
"""Words that say something in a sentence about a function, what it returns or when it raises."""
SPARE_EXCEPTIONS = 2
"""Exceptions that may be named beyond those of the function's own ``raise``: what it calls may raise too."""
_SHOWN = 8
_RETURNS = re.compile(r"\b(return|yield|generat|produc)|반환|돌려|리턴|생성|yield", re.IGNORECASE)
_Kind = Literal["coverage", "parameters", "returns", "raises"]


class _Point(NamedTuple):
    """One thing that has to be said: how well it is, 0-1, and what is missing."""

    kind: _Kind
    worth: float
    reason: str | None = None


def fits(scenario: Scenario) -> bool:
    """Whether it gives the code that is to be documented."""
    return scenario.is_documentation


def score(scenario: Scenario, answer: Answer, means: Means) -> Marks:  # noqa: ARG001 - nothing is executed
    """The share of what has to be said that is, times ten."""
    given = source.parse(scenario.given or "").tree
    wanted = interfaces.of(given) if given is not None else ()
    if not wanted:
        return Marks(reasons=("the given code offers nothing that could be documented",))
    if scenario.answer.code is None:
        texts = documented.on_page(answer.text, wanted)
    else:
        changed = documented.changed(scenario.given or "", answer.code)
        if changed is not None:
            return Marks(0.0, reasons=(changed,))
        texts = documented.in_code(answer.code)
    return _marks(wanted, texts, answer.language)


def _marks(wanted: Sequence[Interface], texts: dict[str, str], language: str) -> Marks:
    points: list[_Point] = []
    worth, kept_in, reasons = 0.0, 0, []
    names = {word for one in wanted for word in (*one.name.split("."), *one.parameters, *one.raises)}
    first: dict[str, str] = {}
    for one in wanted:
        text = texts.get(one.name, "")
        twin = first.setdefault(phrases.plain(text), one.name)
        if text and twin != one.name:
            reasons.append(f"`{one.name}`: what is said is said of `{twin}` already")
            text = ""
        said = list(_points(one, _told(text, names), texts))
        kept = languages.kept(extract.prose(text), language)
        kept_in += kept.kept is True
        if kept.kept is False:
            reasons.append(f"`{one.name}`: {kept.reason}")
        points += said
        worth += sum(point.worth for point in said) * (OTHER_LANGUAGE if kept.kept is False else 1.0)
    parts = {
        kind: round(10 * sum(of_kind) / len(of_kind), 3)
        for kind in ("coverage", "parameters", "returns", "raises")
        if (of_kind := [point.worth for point in points if point.kind == kind])
    }
    reasons += [point.reason for point in points if point.reason is not None]
    if len(reasons) > _SHOWN:
        reasons = [*reasons[:_SHOWN], f"and {len(reasons) - _SHOWN} more are missing"]
    worded = sum(1 for one in wanted if texts.get(one.name))
    clear = {"language": round(10 * kept_in / worded, 3) if worded else 0.0}
    return Marks(round(10 * worth / len(points), 3), parts, clear, tuple(reasons))


def _told(text: str, names: set[str]) -> docstrings.Said:
    """What is said, without the sentences that name several things and say less than they name."""
    said = docstrings.read(text)
    telling = []
    for sentence in phrases.sentences(said.prose):
        named = sum(phrases.holds(sentence, name) for name in names)
        if named <= 1 or len(phrases.content(sentence, "_".join(names))) >= named:
            telling.append(sentence)
    return said._replace(prose="\n\n".join(telling))


def _points(one: Interface, said: docstrings.Said, texts: dict[str, str]) -> Iterator[_Point]:
    """What has to be said of one interface, held against what is."""
    if one.is_constructor:
        said = _with_class(said, docstrings.read(texts.get(one.name.rpartition(".")[0], "")))
    else:
        yield _summary(one, said.prose)
    for name in one.parameters:
        yield _parameter(one, name, said)
    if one.returns:
        yield _returned(one, said)
    for name in one.raises:
        yield _raised(one, name, said)
    for name in sorted(said.parameters.keys() - {*one.parameters} if not one.is_class else ()):
        yield _Point("parameters", 0.0, f"`{one.name}` has no parameter `{name}`")
    for name in sorted(said.raises.keys() - {*one.raises})[SPARE_EXCEPTIONS:]:
        yield _Point("raises", 0.0, f"`{one.name}` does not raise `{name}`")


def _with_class(own: docstrings.Said, owner: docstrings.Said) -> docstrings.Said:
    """A constructor's parameters may be described at its class."""
    return docstrings.Said(
        f"{own.prose}\n{owner.prose}",
        {**owner.parameters, **own.parameters},
        own.returns,
        {**owner.raises, **own.raises},
    )


def _summary(one: Interface, prose: str) -> _Point:
    if not prose.strip():
        return _Point("coverage", 0.0, f"`{one.name}` is not documented: nothing says what it does")
    if len(phrases.content(prose, one.name.rpartition(".")[2])) >= LEAST_WORDS:
        return _Point("coverage", 1.0)
    return _Point("coverage", NAMED, f"what is said of `{one.name}` says no more than its name")


def _parameter(one: Interface, name: str, said: docstrings.Said) -> _Point:
    described = said.parameters.get(name)
    if described is None:
        if phrases.holds(said.prose, name):
            return _Point("parameters", MENTIONED)
        return _Point("parameters", 0.0, f"`{one.name}`: the parameter `{name}` is not described")
    if phrases.content(described, name):
        return _Point("parameters", 1.0)
    return _Point("parameters", NAMED, f"`{one.name}`: nothing is said of `{name}` but its name")


def _returned(one: Interface, said: docstrings.Said) -> _Point:
    told = said.returns
    if told is None:
        told = " ".join(each for each in phrases.sentences(said.prose) if _RETURNS.search(each))
    if not told:
        return _Point("returns", 0.0, f"`{one.name}`: what it returns is not described")
    if len(phrases.content(told)) >= LEAST_WORDS:
        return _Point("returns", 1.0)
    return _Point("returns", NAMED, f"`{one.name}`: of what it returns nothing is said but the type")


def _raised(one: Interface, name: str, said: docstrings.Said) -> _Point:
    told = said.raises.get(name)
    if told is None:
        told = " ".join(each for each in phrases.sentences(said.prose) if phrases.holds(each, name))
    if not told and name not in said.raises:
        return _Point("raises", 0.0, f"`{one.name}`: that it raises `{name}` is not said")
    if len(phrases.content(told, name)) >= LEAST_WORDS:
        return _Point("raises", 1.0)
    return _Point("raises", NAMED, f"`{one.name}`: when it raises `{name}` is not said")
