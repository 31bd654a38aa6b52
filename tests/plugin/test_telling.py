"""Reports and tracebacks of pytest without keys and commands, whatever they are made of."""

from __future__ import annotations

import pytest

from pytest_llmeval.plugin.telling import harmless, harmless_in_colour, rewrite
from pytest_llmeval.secret import Blotter

KEY = "sk-canary-1234"
TEST = f"""
import logging, sys

def test_it():
    headers = {{"Authorization": "Bearer " + "{KEY}"}}
    print(headers)
    print(headers, file=sys.stderr)
    logging.error(headers)
    try:
        raise KeyError(headers)
    except KeyError as error:
        raise ValueError(headers["Authorization"]) from error
"""


@pytest.mark.parametrize("style", ["long", "short", "native", "line", "auto"])
def test_a_report(pytester: pytest.Pytester, style: str) -> None:
    run = pytester.inline_run(pytester.makepyfile(TEST), "--showlocals", f"--tb={style}", "-pno:llmeval")
    _, call, _ = run.getreports("pytest_runtest_logreport")
    assert KEY in call.longreprtext
    assert len([text for _, text in call.sections if KEY in text]) == 3
    rewrite(call, Blotter([KEY]).text)
    assert KEY not in f"{call.longreprtext}{call.sections}{call._to_json()}"
    assert "[key]" in call.longreprtext


def test_what_an_assertion_shows_of_an_answer(pytester: pytest.Pytester) -> None:
    said = "\\x1b]0;owned\\x07\\r\\u202eb\\n::error::x"
    test = pytester.makepyfile(f"def test_it():\n    print('\\x1b[2J')\n    assert '{said}' == 'fine'\n")
    run = pytester.inline_run(test, "-vv", "-pno:llmeval", "--color=no")
    _, call, _ = run.getreports("pytest_runtest_logreport")
    assert "\x1b]0;owned\x07" in call.longreprtext
    rewrite(call, harmless)
    told = f"{call.longreprtext}{call.sections}"
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(told)
    assert "␛]0;owned␇" in told
    assert "+ ∷error::x" in told


def test_pytests_own_colours_stay() -> None:
    text = "E   \x1b[31m+ \x1b[39;49;00mfine\x1b[2J\x1b]0;owned\x07\n"
    assert harmless_in_colour(text) == "E   \x1b[31m+ \x1b[39;49;00mfine␛[2J␛]0;owned␇\n"
    assert harmless(text) == "E   ␛[31m+ ␛[39;49;00mfine␛[2J␛]0;owned␇\n"
