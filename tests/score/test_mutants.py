"""Mutants: distinct, valid, bounded, and never where nothing can depend on them."""

import ast
import bisect
import heapq
import inspect
import textwrap

import pytest

from pytest_llmeval.score import mutants

MERGE = '''
"""A module's docstring."""
import os


def merge(left: "list[int]", right, *, limit: int | None = None):
    """Merge two sorted lists, 1 by 1."""
    merged = []
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            merged.append(left[i])
            i += 1
        else:
            merged.append(right[j])
            j += 1
    if limit and limit < 0:
        raise ValueError("limit is below 0")
    print(merged, 17)
    return merged + left[i:] + right[j:]


if __name__ == "__main__":
    merge([1], [2])
'''


def changes(code: str) -> list[str]:
    return [mutant.change for mutant in mutants.of(textwrap.dedent(code))]


def test_every_mutant_says_where_and_what() -> None:
    told = [str(mutant) for mutant in mutants.of(MERGE)]
    assert "line 11: `left[i] <= right[j]` -> `left[i] < right[j]`" in told
    assert "line 11: `left[i] <= right[j]` -> `not left[i] <= right[j]`" in told
    assert "line 12: `merged.append(left[i])` left out" in told
    assert "line 13: `i += 1` -> `i -= 1`" in told
    assert "line 20: `return merged + left[i:] + right[j:]` -> `return None`" in told


def test_what_no_caller_sees_is_left_alone() -> None:
    told = " ".join(changes(MERGE))
    assert [word for word in ("docstring", "1 by", "None =", "17", "__main__") if word in told] == []
    assert changes('def f(x: "A" = 1) -> "B":\n    "C"\n') == ["`1` -> `2`"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = a is not None", ["`a is not None` -> `a is None`"]),
        ("x = a in b", ["`a in b` -> `a not in b`"]),
        ("x = not a", ["`not a` -> `a`"]),
        ("x = f(a, b)", ["`f(a, b)` -> `f(b, a)`"]),
        ("x = max(a, b)", ["`max` -> `min`"]),
        ("x = f(a, a)", []),
        ("x = True", ["`True` -> `False`"]),
        ("x = 7", ["`7` -> `8`", "`7` -> `6`"]),
        ("x = 'a'", ["`'a'` -> `''`"]),
        ("x = f'a{b:>9}c'", []),
        ("while True:\n    break", ["`break` left out"]),
        ("a[0] = b", ["`a[0] = b` left out", "`0` -> `1`"]),
        ("return_ = a\nassert b", ["`b` -> `not b`"]),
        ("x = a < b < c", ["`a < b < c` -> `a <= b < c`", "`a < b < c` -> `a < b <= c`"]),
    ],
)
def test_the_changes_of_one_statement(code: str, expected: list[str]) -> None:
    assert changes(code) == expected


@pytest.mark.parametrize("module", [bisect, heapq, mutants])
def test_mutants_of_real_code_parse_differ_and_change_nothing_else(module: object) -> None:
    code = inspect.getsource(module)  # type: ignore[arg-type]
    found = mutants.of(code, most=10_000)
    assert len(found) > 20
    assert len({mutant.code for mutant in found}) == len(found)
    assert ast.unparse(ast.parse(code)) not in {mutant.code.strip() for mutant in found}
    for mutant in found:
        compile(mutant.code, "mutant.py", "exec")
    assert mutants.of(code, most=10_000) == found


def test_many_are_thinned_out_evenly() -> None:
    code = "".join(f"x{number} = {number} < y\n" for number in range(40))
    few = mutants.of(code, most=20)
    assert len(few) == 20
    assert few[0].line < 3
    assert few[-1].line > 36


def test_long_changes_are_told_where_they_differ() -> None:
    (told,) = changes(f"x = {' + '.join('a' * 30)} - b".replace("+", "@"))
    assert told == f"`…{'a @ ' * 7}a - b` -> `…{'a @ ' * 7}a + b`"


@pytest.mark.parametrize("code", ["", "def f(:", "x = '\0'"])
def test_what_does_not_parse_has_no_mutants(code: str) -> None:
    assert mutants.of(code) == ()
