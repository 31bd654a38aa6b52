"""The body of a request to any JSON service, as a template: ``{input = {prompt = "{prompt}"}}``."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from .values import Kind, UnexpectedError

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACEHOLDERS = ("prompt", "suffix", "system", "messages", "model", "temperature", "max_tokens", "seed")
_PLACEHOLDER = re.compile(rf"\{{({'|'.join(PLACEHOLDERS)})\}}")
_LIKE_ONE = re.compile(r"\{[A-Za-z_]+\}")
"""A text that is nothing but a word in braces was meant as a placeholder."""
_EXPECTED = 'a table in which a text says "{prompt}" or "{messages}"'
_SECRET = re.compile(r"(api|access|auth|subscription)[-_]?(key|token)|password|secret", re.IGNORECASE)
_LEFT_OUT = object()


def fill(template: Any, known: dict[str, Any]) -> Any:
    """The template with its placeholders replaced by what is ``known``; other braces stay.

    A value that is nothing but a placeholder becomes the thing itself (a number, the list of messages), and
    is left out where the thing is None; within a longer text it becomes text.
    """
    if isinstance(template, dict):
        filled = {key: fill(value, known) for key, value in template.items()}
        return {key: value for key, value in filled.items() if value is not _LEFT_OUT}
    if isinstance(template, list):
        return [value for value in (fill(item, known) for item in template) if value is not _LEFT_OUT]
    if not isinstance(template, str):
        return template
    if whole := _PLACEHOLDER.fullmatch(template):
        value = known[whole[1]]
        return _LEFT_OUT if value is None else value
    return _PLACEHOLDER.sub(lambda found: _shown(known[found[1]]), template)


def placeholders(template: Any) -> frozenset[str]:
    """The names of those that the template holds."""
    return frozenset(
        found[1]
        for text in _leaves(template)
        if isinstance(text, str)
        for found in _PLACEHOLDER.finditer(text)
    )


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "\n\n".join(message["content"] for message in value)
    return "" if value is None else str(value)


def secret(template: Any) -> str | None:
    """The name of an entry that looks like a key written out; None where there is none."""
    if isinstance(template, list):
        return next(filter(None, map(secret, template)), None)
    if not isinstance(template, dict):
        return None
    for name, value in template.items():
        if _SECRET.fullmatch(name) and isinstance(value, str) and value and not placeholders(value):
            return str(name)
        if found := secret(value):
            return found
    return None


def _accept(value: object) -> dict[str, Any]:
    for leaf in _leaves(value):
        if isinstance(leaf, str) and _LIKE_ONE.fullmatch(leaf) and not _PLACEHOLDER.fullmatch(leaf):
            raise UnexpectedError(f"in braces one of {', '.join(PLACEHOLDERS)}", leaf)
    if not isinstance(value, dict) or not placeholders(value) & {"prompt", "messages"}:
        raise UnexpectedError(_EXPECTED, value)
    for leaf in _leaves(value):
        if not isinstance(leaf, str | bool | int | float) or not _is_finite(leaf):
            raise UnexpectedError("in it texts, finite numbers, true, false, tables and lists", leaf)
    return value


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    else:
        yield value


def _is_finite(leaf: object) -> bool:
    return not isinstance(leaf, float) or math.isfinite(leaf)


def _read(text: str) -> Any:
    raise UnexpectedError(_EXPECTED, text)


KIND = Kind(_EXPECTED, _accept, _read, {"type": "object"})
"""A template as the project file writes it."""
