"""The language in which a run is told to people: English stands in the source, others in ``locale/``.

A setting of the whole process, made once where it begins; names of fields, metrics and verdicts are the same
in every language. What is translated is a whole sentence with named places, never parts of one, because
another language puts them into another order:

    _("{who} is missing", who=cell)
    ngettext("{count} cell", "{count} cells", count)

A translation may choose a Korean particle by the sound before it: ``{who:이/가}``, ``속도가``, ``품질이``.
"""

from __future__ import annotations

import string
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gettext
    from collections.abc import Iterator

LANGUAGES = ("en", "ko")
"""The first is what the source is written in."""
_CLOSED_LETTERS, _CLOSED_DIGITS = frozenset("lmnr"), frozenset("013678")
"""Whose Korean names end in a consonant, like 엘 and 일."""

_current = LANGUAGES[0]
_translations: gettext.NullTranslations | None = None


def use(language: str) -> str:
    """Tell everything in this language from now on; one of ``LANGUAGES``. Returns the one before."""
    global _current, _translations
    before = _current
    if language != before:
        from . import catalogue

        _current, _translations = language, catalogue.read(language) if language != LANGUAGES[0] else None
    return before


@contextmanager
def using(language: str) -> Iterator[None]:
    """The same for as long as the block lasts."""
    before = use(language)
    try:
        yield
    finally:
        use(before)


def current() -> str:
    """One of ``LANGUAGES``."""
    return _current


def _(template: str, **values: object) -> str:
    """The template in the current language, with its places filled. Braces of its own are doubled."""
    return _filled(_translations.gettext(template) if _translations else template, values)


def ngettext(one: str, many: str, count: int, **values: object) -> str:
    """The same, by number: ``one`` where ``count`` is 1, in English. Both may name ``count``."""
    chosen = _translations.ngettext(one, many, count) if _translations else one if count == 1 else many
    return _filled(chosen, {"count": count, **values})


def N_(template: str) -> str:  # noqa: N802 - gettext's own name
    """A template that is translated later, by ``_``: for constants, which are made before it is known how."""
    return template


class _Places(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        """With ``은/는`` as its format a place is filled with the value and the particle that follows it."""
        closed, slash, opened = format_spec.partition("/")
        if not slash:
            return str(super().format_field(value, format_spec))
        return f"{value}{closed if _ends_in_consonant(str(value), closed) else opened}"


_PLACES = _Places()


def _filled(template: str, values: dict[str, object]) -> str:
    if not values:
        return template
    if (
        _translations is None
    ):  # no particles: a formatter in Python takes ten times as long, half of a judgement
        return template.format_map(values)
    return _PLACES.vformat(template, (), values)


def _ends_in_consonant(text: str, particle: str) -> bool:
    """Whether a Korean reader ends it with one: a Hangul syllable has it in its code, the rest is read as its
    letters' and digits' names. ``으로`` counts ㄹ, the eighth final, as none.
    """
    last = next((one for one in reversed(text.lower()) if one.isalnum()), "")
    if "가" <= last <= "힣":
        final = (ord(last) - ord("가")) % 28
        return final != 0 and not (final == 8 and particle == "으로")
    if particle == "으로" and last in {"l", "r", "1", "7", "8"}:
        return False
    return last in _CLOSED_LETTERS or last in _CLOSED_DIGITS
