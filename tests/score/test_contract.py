"""Requirements against definitions."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.score import contract


def unmet(code: str, *requires: str) -> tuple[str, ...]:
    return contract.unmet(ast.parse(code), requires)


@pytest.mark.parametrize(
    ("code", "requirement"),
    [
        ("def fib(n): return n", "fib"),
        ("def fib(n): return n", "fib(n)"),
        ("def fib(number): return number", "fib(n)"),
        ("def fib(n, memo=None): return n", "fib(n)"),
        ("def fib(*args): return args", "fib(n)"),
        ("async def fetch(url): return url", "async def fetch(url)"),
        ("fib = lambda n: n", "fib(n)"),
        ("def _fib(n): return n\nfib = cache(_fib)", "fib(n)"),
        ("if True:\n    def fib(n): return n", "fib(n)"),
        ("try:\n    x = 1\nexcept ValueError:\n    def fib(n): return n", "fib(n)"),
        ("match 1:\n    case 1:\n        def fib(n): return n", "fib(n)"),
        ("def merge(a, b, *, reverse=False): return a", "merge(a, b)"),
        ("def merge(a, b, *, reverse): return a", "merge(a, b, *, reverse)"),
        ("def merge(a, b, reverse=False): return a", "merge(a, b, *, reverse)"),
        ("def merge(a, b, **options): return a", "merge(a, b, *, reverse)"),
        ("class Stack:\n    def push(self, item): self.a = item", "class Stack"),
        ("class Stack:\n    def push(self, item): self.a = item", "class Stack:"),
        ("class Stack:\n    def push(self, item): self.a = item", "Stack.push(item)"),
        ("class Stack:\n    @staticmethod\n    def of(item): return item", "Stack.of(item)"),
        ("class Stack:\n    @property\n    def size(self): return 1", "Stack.size"),
        ("class Stack(list):\n    'A stack.'", "Stack.append(item)"),
        ("class Full(Exception): pass", "class Full"),
        ("class LRU:\n    def __init__(self, capacity): self.c = capacity", "class LRU(capacity)"),
        ("@dataclass\nclass Point:\n    x: int\n    y: int", "class Point(x, y)"),
        ("class A:\n    def f(self): ...\nclass B(A):\n    def f(self): return 1", "class A"),
        ("class A:\n    @abstractmethod\n    def f(self): ...", "class A"),
    ],
)
def test_met(code: str, requirement: str) -> None:
    assert unmet(code, requirement) == ()


@pytest.mark.parametrize(
    ("code", "requirement", "reason"),
    [
        ("x = 1", "fib(n)", "`fib` is not defined"),
        ("from math import fib", "fib(n)", "`fib` is imported, not defined"),
        ("def fib(n): return n", "class fib", "`fib` is not a class"),
        ("class fib:\n    x = 1", "fib(n)", "`fib` is a class; a function was asked for"),
        ("def fib(): return 1", "fib(n)", "`fib()` can't be called as `fib(n)`"),
        ("def fib(n, memo): return n", "fib(n)", "`fib(n, memo)` can't be called as `fib(n)`"),
        ("def fib(n, *, memo): return n", "fib(n)", "`fib(n, *, memo)` can't be called as `fib(n)`"),
        (
            "def m(a, b): return a",
            "m(a, b, *, reverse)",
            "`m(a, b)` can't be called as `m(a, b, *, reverse)`",
        ),
        ("def fib(n): pass", "fib", "`fib` is a stub: its body does nothing"),
        ("def fib(n): ...", "fib", "`fib` is a stub: its body does nothing"),
        ("def fib(n):\n    'Long.'\n    raise NotImplementedError('later')", "fib", "`fib` is a stub"),
        ("def fib(n):\n    '''I'm sorry, I can't.'''", "fib", "`fib` is a stub: its body does nothing"),
        ("class A:\n    def f(self): pass", "class A", "`A.f` is a stub: its body does nothing"),
        ("class A: pass", "class A", "`A` is a stub: its body is empty"),
        ("class A:\n    def f(self): return 1", "A.g()", "`A.g` is not defined"),
        ("class A:\n    def f(): return 1", "A.f()", "`f` has no `self`; `A.f()` was asked for"),
        ("class A:\n    def f(self): return 1", "class A(x)", "`A(self)` can't be called as `class A(x)`"),
        (
            "def f(): return 1",
            "f g",
            "'f g' is not a requirement; write a name or a signature, like fib(n), class",
        ),
    ],
)
def test_unmet(code: str, requirement: str, reason: str) -> None:
    (found,) = unmet(code, requirement)
    assert found.startswith(reason)


def test_the_last_binding_counts() -> None:
    assert unmet("def fib(n): return n\nfib = None\ndef fib(n): pass", "fib") == (
        "`fib` is a stub: its body does nothing",
    )


@given(st.text(max_size=40))
def test_any_requirement_is_read_or_refused_in_words(text: str) -> None:
    assert all(isinstance(reason, str) for reason in unmet("def f(x): return x", text))
