"""What counts as said in a text, how long a text is, and whether its words say anything."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Each begins at one place of a run: tried at each of them, a text of 100,000 dashes takes minutes.
_WORD = re.compile(r"(?<!\S)[^\w\s]*+\w\S*+")
_ITEM = re.compile(r"^[^\S\n]*+(?:[-*•]|\d+[.)])\s", re.MULTILINE)
_ENDS = re.compile(r"""(?<![.!?。！？…])[.!?。！？…]++["'”’)\]*_]*+(?=\s|$)|\n\s*\n""")
_TOKEN = re.compile(r"[a-z0-9]+|[가-힣]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_STEM = 4
"""Letters from which two words with the same beginning are one (``split``, ``splits``)."""
_SAYS_NOTHING = """
a an the this that these it its is are be as of to in on for from by with and or if when whether where not
function method class parameter parameters param params arg args argument arguments value values variable
input inputs output result results return returns returned returning yield yields raise raises raised
given specified
provided used use optional required default type object data error errors exception exceptions occur occurs
invalid thing something int integer float number str string bool boolean list dict dictionary tuple set
callable any none true false iterable iterator generator todo description here
함수 메서드 클래스 매개변수 파라미터 인자 인수 값 변수 입력 출력 결과 반환 반환값 반환합니다 반환한다
예외 오류 에러 발생 발생합니다 발생한다 발생하는 경우 타입 객체 데이터 정수 실수 문자열 불리언
리스트 딕셔너리 튜플 목록 입니다 이다 합니다 하는 한다 및 또는 그 이 를 을 은 는 가 의 에 로 설명
"""
_EMPTY = frozenset(_SAYS_NOTHING.split())
_STAR = re.compile(r"(?<=\w)\\\*(?=\\ |$)")
_PARTICLES = re.compile(
    r"(입니다|합니다|한다|이다|으로|에서|까지|부터|을|를|은|는|이|가|의|에|로|와|과|도|만)$"
)


def holds(text: str, phrase: str) -> bool:
    """Whether the text says the phrase, whatever its case and line breaks.

    As whole words where it begins or ends with a Latin letter or a digit (``7`` is not in ``17``; Korean
    particles may follow); a ``*`` at the end of a word stands for its rest.
    """
    return _pattern(phrase).search(plain(text)) is not None


def holds_one(text: str, phrases: Iterable[str]) -> bool:
    """Whether the text says at least one of the phrases."""
    said = plain(text)
    return any(_pattern(phrase).search(said) is not None for phrase in phrases)


def length(prose: str, unit: str) -> int:
    """How many ``words``, ``sentences`` or ``characters`` a text has; the marks of a list have no length.

    Words hold a letter or a digit; sentences end with a full stop, a question or an exclamation mark before a
    space, or with a paragraph or a list's item; characters include single spaces.
    """
    prose = _ITEM.sub("\n\n", prose)
    if unit == "words":
        return len(_WORD.findall(prose))
    if unit == "characters":
        return len(" ".join(prose.split()))
    return len(sentences(prose))


def sentences(prose: str) -> list[str]:
    """The sentences of a text without list marks."""
    return [piece for piece in _ENDS.split(prose) if _WORD.search(piece)]


def content(text: str, name: str = "") -> frozenset[str]:
    """The words that say something: no articles, no names of types, nothing that ``name`` says already."""
    known = _TOKEN.findall(_CAMEL.sub(" ", name).lower().replace("_", " "))
    words = (_PARTICLES.sub("", word) or word for word in _TOKEN.findall(plain(text).replace("_", " ")))
    return frozenset(word for word in words if word not in _EMPTY and not _is_one_of(word, known))


def without(text: str, phrases: Iterable[str]) -> str:
    """What is left of a text where these phrases are taken out."""
    left = plain(text)
    for phrase in phrases:
        left = _pattern(phrase).sub("", left)
    return " ".join(left.split())


def plain(text: str) -> str:
    """The text as phrases are looked for in it: one case, one width, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@lru_cache(maxsize=1024)
def _pattern(phrase: str) -> re.Pattern[str]:
    wanted = plain(phrase)
    before = r"(?<![a-z0-9])" if re.match("[a-z0-9]", wanted) else ""
    after = r"(?![a-z0-9])" if re.search("[a-z0-9]$", wanted) else ""
    return re.compile(before + _STAR.sub(r"\\w*", re.escape(wanted)) + after)


def _is_one_of(word: str, known: Iterable[str]) -> bool:
    return any(
        word == one or (min(len(word), len(one)) >= _STEM and (word.startswith(one) or one.startswith(word)))
        for one in known
    )
