"""Reports and tracebacks of pytest without keys, whatever they are made of."""

from __future__ import annotations

import pytest

from pytest_llmeval.plugin.blotting import blot
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
    blot(call, Blotter([KEY]))
    assert KEY not in f"{call.longreprtext}{call.sections}{call._to_json()}"
    assert "[key]" in call.longreprtext
