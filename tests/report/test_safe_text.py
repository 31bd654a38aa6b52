"""Text from models and servers: harmless, and visibly so."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.report import safe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain – 한글 é 👍", "plain – 한글 é 👍"),
        ("\x1b[2J\x1b]0;title\x07", "␛[2J␛]0;title␇"),
        ("a\tb\r\nc\u2028d", "a b  c d"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        ("zero\u200bwidth\ufeff\u2060", "zero\ufffdwidth\ufffd\ufffd"),
        ("tag\U000e0041", "tag\ufffd"),
        ("c1 \x9b31m", "c1 \ufffd31m"),
        ("lone \ud83d", "lone \ufffd"),
        ("del\x7f nul\0", "del␡ nul␀"),
        ("\u2003::set-output name=x::y", "∷set-output name=x::y"),
        ("a word::add-mask::x", "a word∷add-mask::x"),
        ("std::vector<int> x[::2]", "std::vector<int> x[::2]"),
        ("fine ##[add-path]/tmp", "fine ## [add-path]/tmp"),
    ],
)
def test_what_has_no_shape_is_shown_by_a_sign(text, shown):
    assert safe.line(text) == shown


def test_no_line_of_a_block_is_a_command():
    assert safe.block("fine\n\n  ::error::x\n::token::") == "fine\n\n  ∷error::x\n∷token::"


def test_a_block_keeps_its_lines_and_tabs():
    assert safe.block("a\r\n\tb\x1b\n\nc\n") == "a\n\tb␛\n\nc"


def test_code_on_a_page_stays_as_it_is():
    assert safe.visible("::std::sort(x)\n##[y]\x1b") == "::std::sort(x)\n##[y]␛"


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text):
    forbidden = ("Cc", "Cf", "Cs", "Zl", "Zp")
    assert not [char for char in safe.line(text) if unicodedata.category(char) in forbidden]
    assert not [
        char for char in safe.block(text) if unicodedata.category(char) in forbidden and char not in "\n\t"
    ]
    assert safe.line(safe.line(text)) == safe.line(text)


def test_many_blank_lines_cost_nothing() -> None:
    started = time.process_time()
    safe.block("::x\n" + "\n" * 100_000)
    assert time.process_time() - started < 2
