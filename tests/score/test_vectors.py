"""Frozen vectors: drawn the same each time, agreed on by every right solution, spread over sizes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_llmeval import oracle
from pytest_llmeval.errors import OracleError
from pytest_llmeval.oracle import Vector
from pytest_llmeval.score import vectors
from pytest_llmeval.score.sandbox import choice

if TYPE_CHECKING:
    from pathlib import Path

REFERENCE = "def half(n):\n    if n < 0:\n        raise ValueError(n)\n    return n // 2\n"
SECOND = "def half(n):\n    if n < 0:\n        raise ValueError\n    return int(n / 2)\n"
STRATEGIES = "from hypothesis import strategies as st\nCALLS = {'half': st.tuples(st.integers(-9, 99))}\n"
COUNTER = """\
class Counter:
    def __init__(self):
        self.n = 0
    def add(self, n):
        self.n += n
        return self
"""


@pytest.fixture(scope="module")
def sandbox():
    return choice.choose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, reference=REFERENCE, second=SECOND, strategies=STRATEGIES)
    return tmp_path


def write(folder: Path, **files: str) -> None:
    for stem, text in files.items():
        (folder / f"{stem}.py").write_text(text, encoding="utf-8")


def frozen(folder: Path, sandbox, count: int = vectors.COUNT) -> vectors.Frozen:
    (groups,) = vectors.drawn([folder])
    return vectors.freeze(folder, groups, sandbox, count)


def test_the_same_files_give_the_same_bytes_small_calls_first(folder: Path, sandbox) -> None:
    made = frozen(folder, sandbox, 20)
    text = oracle.dump(made.vectors)
    assert text == oracle.dump(frozen(folder, sandbox, 20).vectors)
    assert made.dropped == {}
    calls = [vector.call for vector in made.vectors.vectors]
    assert len(calls) == 20
    assert calls == sorted(set(calls), key=lambda call: (len(call), call))
    assert calls[0] == "half(0)"
    by_call = {vector.call: vector for vector in made.vectors.vectors}
    assert by_call["half(0)"] == Vector("half(0)", returns="0")
    assert 0 < sum(vector.raises == "ValueError" for vector in by_call.values()) <= 10
    lines = text.splitlines()
    assert [json.loads(line.strip().rstrip(",")) for line in lines if '"call"' in line]
    assert text.endswith("\n ]\n}\n")


def test_the_same_strategies_draw_the_same_calls_and_two_equal_strategies_others(tmp_path: Path) -> None:
    strategies = (
        "from hypothesis import strategies as st\nn = st.tuples(st.integers())\nCALLS = {'f': [n, n]}\n"
    )
    write(tmp_path, strategies=strategies)
    (first,) = vectors.drawn([tmp_path])
    assert vectors.drawn([tmp_path]) == [first]
    assert not isinstance(first, str)
    one, other = first
    assert len(set(one) & set(other)) < len(one) / 2


def test_a_right_solution_that_disagrees_is_named_with_the_call_and_both_answers(folder: Path, sandbox):
    write(
        folder,
        second_2="def half(n):\n    if n < 0:\n        raise ValueError\n    return n // 2 + (n > 80)\n",
    )
    with pytest.raises(OracleError) as caught:
        frozen(folder, sandbox)
    assert caught.value.where == str(folder / "second_2.py")
    assert (
        "answered otherwise than by reference.py: `half` fails on `81`: returned 41; 40" in caught.value.what
    )


WRONG: list[tuple[dict[str, str], str]] = [
    ({"strategies": "CALLS = {'half': 3}"}, "CALLS holds 3, which is no strategy"),
    ({"strategies": "import hypothesis\n\n1 / 0\n"}, "line 3: ZeroDivisionError"),
    ({"strategies": "def"}, "line 1: SyntaxError"),
    ({"strategies": "print('[]')\nraise SystemExit(0)"}, "line 2: SystemExit: 0"),
    ({"strategies": "x = 1"}, "it defines no CALLS"),
    (
        {"strategies": STRATEGIES.replace("st.tuples(st.integers(-9, 99))", "st.integers()")},
        "which is no tuple of arguments",
    ),
    (
        {"strategies": STRATEGIES.replace("st.integers(-9, 99)", "st.builds(object)")},
        "can't be written as a literal",
    ),
    ({"strategies": STRATEGIES.replace("'half'", "'halve'")}, "`halve(0)` raised NameError"),
    ({"reference": "def half(n): return object()\n"}, "returned what is no plain data"),
    ({"reference": "import random\ndef half(n): return random.random()\n"}, "reference.py"),
    ({"reference": "def half(n):\n  while True: pass\n"}, "`half` fails on `0`: "),
]


@pytest.fixture(scope="module")
def wrong_ones(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, list[list[str]] | str]]:
    """The folder of each, and what was drawn there, all in one process."""
    folders = [tmp_path_factory.mktemp("wrong") for _ in WRONG]
    for folder, (files, _) in zip(folders, WRONG, strict=True):
        write(folder, **{"reference": REFERENCE, "strategies": STRATEGIES} | files)
    return list(zip(folders, vectors.drawn(folders), strict=True))


@pytest.mark.parametrize("number", range(len(WRONG)), ids=[told for _, told in WRONG])
def test_what_no_vectors_can_be_made_of_is_told(
    wrong_ones: list[tuple[Path, list[list[str]] | str]], sandbox, number: int
) -> None:
    folder, groups = wrong_ones[number]
    with pytest.raises(OracleError) as caught:
        vectors.freeze(folder, groups, sandbox)
    assert WRONG[number][1] in str(caught.value)


def test_without_a_reference_nothing_is_right(folder: Path, sandbox) -> None:
    (folder / "reference.py").unlink()
    with pytest.raises(OracleError, match=r"there is no reference\.py"):
        frozen(folder, sandbox)


def test_whole_calls_several_strategies_and_results_that_yaml_has_no_word_for(
    tmp_path: Path, sandbox
) -> None:
    strategies = """
from hypothesis import strategies as st
adds = st.lists(st.integers(0, 9), max_size=4)
chain = adds.map(lambda ns: "Counter()" + "".join(f".add({n})" for n in ns))
CALLS = [chain.map(lambda text: text + ".n"), chain.map(lambda text: f"({text}.n, {{1}})"), chain]
"""
    write(tmp_path, reference=COUNTER, strategies=strategies)
    made = frozen(tmp_path, sandbox, 30)
    assert set(made.dropped) == {"returned what is no plain data"}
    returned = {vector.call: vector.returns for vector in made.vectors.vectors}
    assert returned["Counter().n"] == "0"
    assert returned["(Counter().n, {1})"] == "[0, [1]]"


def test_no_result_makes_up_more_than_half() -> None:
    many = [Vector(f"f({n:03})", returns="False" if n < 180 else "True") for n in range(200)]
    chosen = vectors.spread(many, 36)
    assert [vector.returns for vector in chosen].count("True") == 18
    assert len(chosen) == 36
    assert chosen[0].call == "f(000)"
    alone = vectors.spread([Vector(f"f({n:03})", returns="1") for n in range(200)], 36)
    assert len(alone) == 36


def test_vectors_are_stale_once_a_source_changes_comes_or_goes(folder: Path, sandbox) -> None:
    assert oracle.stale(folder) == "there is no vectors.json"
    (folder / "vectors.json").write_text(oracle.dump(frozen(folder, sandbox).vectors), encoding="utf-8")
    assert oracle.stale(folder) is None
    (folder / "second.py").write_bytes(SECOND.replace("\n", "\r\n").encode())
    assert oracle.stale(folder) is None, "git may write other line ends"
    write(folder, second_2=SECOND)
    assert oracle.stale(folder) == "vectors.json is older than second_2.py"
    (folder / "second_2.py").unlink()
    write(folder, reference=REFERENCE + "\n")
    assert oracle.stale(folder) == "vectors.json is older than reference.py"
    (folder / "vectors.json").write_text("{", encoding="utf-8")
    assert "can't be read" in (oracle.stale(folder) or "")
