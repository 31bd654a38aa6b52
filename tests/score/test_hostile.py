"""Hostile answers, from text to score: each ends inside its limits, with a reason for what it lacks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import scoring_cost

from pytest_llmeval.model import AnswerSpec, Check, PatternCheck, QueryCheck, Scenario
from pytest_llmeval.score import rubric
from pytest_llmeval.score.analyser import Analyser
from pytest_llmeval.score.sandbox import choice
from pytest_llmeval.score.sandbox.protocol import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmeval.model import Score

SANDBOX = choice.usable()
pytestmark = pytest.mark.skipif(isinstance(SANDBOX, Unusable), reason="no sandbox here")
MOST_S = 60.0
"""What the limits come to (5 s to load, 2 s a call, the analyser's 20 s), on a busy machine."""
HONEST = "def f(x):\n    return x + 1\n"
SCENARIOS = {
    "python": Scenario(
        suite="s",
        id="x",
        prompt={"en": "?"},
        answer=AnswerSpec(code="python", requires=("f(x)",)),
        checks=(Check(call="f(1)", equals=2),),
    ),
    "regex": Scenario(
        suite="s",
        id="x",
        prompt={"en": "?"},
        answer=AnswerSpec(code="regex"),
        patterns=(PatternCheck(text="a" * 60), PatternCheck(text="a" * 60 + "!", matches=False)),
    ),
    "sql": Scenario(
        suite="s",
        id="x",
        prompt={"en": "?"},
        answer=AnswerSpec(code="sql"),
        given="CREATE TABLE t (n INTEGER);",
        queries=(QueryCheck(insert="INSERT INTO t VALUES (1)", rows=((1,),)),),
    ),
}
RUN = {
    "never loads": f"{HONEST}while True:\n    pass\n",
    "never returns": "def f(x):\n    while True:\n        x += 1\n",
    "ends the program": "import os\ndef f(x):\n    os._exit(0)\n",
    "raises SystemExit": "def f(x):\n    raise SystemExit(0)\n",
    "recurses": "def f(x):\n    return f(x) + 1\n",
    "takes all memory": "def f(x):\n    return [bytearray(1 << 20) for _ in range(1 << 20)]\n",
    "returns too much": "def f(x):\n    return list(range(10 ** 6))\n",
    "returns itself": "def f(x):\n    y = []\n    y.append(y)\n    return y\n",
    "a long number": "def f(x):\n    return 10 ** (10 ** 7)\n",
    "equals everything": "class A:\n    __eq__ = lambda *_: True\ndef f(x):\n    return A()\n",
    "prints without end": "def f(x):\n    while True:\n        print('x' * 10 ** 6)\n",
    "sleeps": "import time\ndef f(x):\n    time.sleep(10 ** 6)\n",
    "forks": "import os\ndef f(x):\n    while True:\n        os.fork()\n",
    "starts threads": "from threading import Thread\ndef f(x):\n    while True: Thread(target=f).start()\n",
    "raises by a long name": "def f(x):\n    raise type('E' * 10 ** 5, (Exception,), {})\n",
    "an endless repr": "class A:\n    def __repr__(self): return repr(self)\ndef f(x):\n    return A()\n",
}
SLOW = ("multiplying", "doubling lists", "inheritance chain", "diamonds")
"""Those that run into the analyser's limit on time, or near it; ``test_analyser.py`` has the others."""
OTHERS = {
    ("regex", "backtracks"): r"(a+)+",
    ("regex", "repeats"): "(?:a{1,1000}){1,1000}",
    ("regex", "nests"): "(" * 5_000 + "a" + ")" * 5_000,
    ("regex", "counts"): "a{1,99999999999999999999}",
    (
        "sql",
        "never ends",
    ): "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
    ("sql", "grows"): "SELECT printf('%1000000000d', 1)",
    ("sql", "nests"): "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
    ("sql", "writes"): "INSERT INTO t VALUES (2)",
    ("sql", "attaches"): "ATTACH '/etc/passwd' AS p",
}


@pytest.fixture(scope="module")
def analyser() -> Iterator[Analyser]:
    with Analyser(cpu_s=2) as warm:
        yield warm


def scored(analyser: Analyser, language: str, code: str) -> tuple[Score, tuple[str, ...]]:
    started = time.monotonic()
    text = f"Here it is.\n\n````{language}\n{code}\n````\n"
    score, reasons = rubric.score(SCENARIOS[language], "en", text, analyser, SANDBOX)
    assert time.monotonic() - started < MOST_S
    assert all(reason and "\n" not in reason and len(reason) <= rubric.LONGEST_REASON for reason in reasons)
    return score, reasons


@pytest.mark.parametrize("name", SLOW)
def test_code_that_harms_who_analyses_it(analyser: Analyser, name: str) -> None:
    score, reasons = scored(analyser, "python", f"{scoring_cost.HOSTILE[name]}\n{HONEST}")
    assert score.correctness is not None
    assert score.quality is not None
    assert score.correctness == 10 or reasons
    assert score.quality > 0 or reasons


@pytest.mark.parametrize("name", RUN)
def test_code_that_harms_who_runs_it(analyser: Analyser, name: str) -> None:
    score, reasons = scored(analyser, "python", RUN[name])
    assert score.correctness == 0
    assert reasons


@pytest.mark.parametrize(("language", "name"), OTHERS)
def test_other_code(analyser: Analyser, language: str, name: str) -> None:
    score, reasons = scored(analyser, language, OTHERS[language, name])
    assert score.correctness is not None
    assert score.correctness < 10
    assert reasons


def test_an_honest_answer_afterwards(analyser: Analyser) -> None:
    score, reasons = scored(analyser, "python", HONEST)
    assert (score.correctness, reasons) == (10, ())
