"""What static scoring costs, and whether it scores as a fresh pylint does.

    python benchmarks/scoring_cost.py                 # all marks, about three minutes
    python benchmarks/scoring_cost.py --fresh=20      # fewer fresh pylint processes to compare with

Prints CPU milliseconds a snippet (radon and pylint together, the worker's start included), the differences
from one fresh pylint process per snippet, the differences between orders, and what every hostile snippet
cost. Ends with exit status 1 when a mark is missed.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmeval.score import source
from pytest_llmeval.score.analyser import Analyser
from pytest_llmeval.score.rules import PYLINT_OPTIONS
from pytest_llmeval.score.sandbox import choice

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_llmeval.score.analysis import Analysis

CPU_MARK_MS = 15.0
SANDBOX_MARK_MS = 5.0
HOSTILE_MARK_S = 13.0
"""CPU seconds: the limit of 10, what rounding adds to it, and the start."""
SEED = 20261121

_NAMES = (
    "items",
    "values",
    "total",
    "result",
    "index",
    "node",
    "key",
    "text",
    "left",
    "right",
    "count",
    "cache",
)
_IMPORTS = (
    "import math",
    "import os, sys",
    "import re",
    "import json",
    "from collections import deque, OrderedDict",
    "from typing import List, Optional",
    "import random",
    "from functools import lru_cache",
    "import itertools",
    "import heapq",
    "from dataclasses import dataclass",
    "import string",
)


def snippets(count: int, seed: int = SEED) -> list[str]:
    """``count`` programs of the size and with the sins that answers of 100 to 500 tokens have."""
    rng = random.Random(seed)
    return [_program(rng) for _ in range(count)]


def _program(rng: random.Random) -> str:
    parts = rng.sample(_IMPORTS, rng.choice((0, 0, 1, 1, 2)))
    if rng.random() < 0.3:
        parts.insert(0, '"""A module."""')
    for number in range(rng.choice((1, 1, 1, 2, 3))):
        parts += ["", *(_class(rng, number) if rng.random() < 0.3 else _function(rng, f"function_{number}"))]
    if rng.random() < 0.3:
        parts += ["", "", "if __name__ == '__main__':", "    print(function_0(3))"]
    if rng.random() < 0.1:
        parts += ["", "import string", "string.extra = 1", "print(string.extra)"]
    if rng.random() < 0.1:
        parts += ["", "import string", "print(string.extra)"]
    return "\n".join(parts) + ("\n" if rng.random() < 0.9 else "")


def _class(rng: random.Random, number: int) -> list[str]:
    base = rng.choice(("", "", "(object)", "(Exception)", "(Missing)"))
    lines = [f"class Thing{number}{base}:"]
    if rng.random() < 0.4:
        lines += ['    """A thing."""', ""]
    lines += ["    def __init__(self, size):", "        self.size = size", "        self.data = {}", ""]
    for method in range(rng.randint(1, 3)):
        lines += [f"    {line}" if line else "" for line in _function(rng, f"method_{method}", "self, ")]
    return lines


def _function(rng: random.Random, name: str, first: str = "") -> list[str]:
    names = rng.sample(_NAMES, rng.randint(2, 4))
    arguments = first + ", ".join(names)
    if rng.random() < 0.15:
        arguments += ", seen=[]"
    names += rng.sample(_NAMES, int(rng.random() < 0.3))  # sometimes one that nobody defined
    lines = [f"def {name}({arguments}):"]
    if rng.random() < 0.5:
        lines.append('    """Do it."""')
    for _ in range(rng.randint(1, 3)):
        lines += [f"    {line}" for line in _statement(rng, 2, names)]
    return [*lines, f"    return {_expression(rng, 1, names)}", ""]


def _statement(rng: random.Random, depth: int, names: Sequence[str]) -> list[str]:
    one, two = rng.choice(names), rng.choice(names)
    value = _expression(rng, 2, names)
    simple = [
        [f"{one} = {value}"],
        [f"{one} += 1"],
        [f"print({value})  # show"],
        [f"{one} = [x for x in range(10) if x % 2 == {value}]"],
        [f"{one}.{two} = {value}"],
        [f"{one} = {value}   "],
        [f"raise ValueError('bad ' + str({one}))"],
        ["pass"],
    ]
    if depth == 0 or rng.random() < 0.5:
        return rng.choice(simple)
    body = [f"    {line}" for line in _statement(rng, depth - 1, names)]
    other = [f"    {line}" for line in _statement(rng, depth - 1, names)]
    return rng.choice(
        [
            [f"if {value} == None:", *body, "else:", *other],
            [f"for {one} in range(len({two})):", *body],
            [f"while {one} < {value}:", *body, f"    {one} += 1"],
            ["try:", *body, "except:", *other],
            [f"with open('x') as {one}:", *body],
            [f"if {one}:", "    return 1", f"elif {two}:", *body, "else:", "    return None"],
        ]
    )


def _expression(rng: random.Random, depth: int, names: Sequence[str]) -> str:
    if depth == 0:
        return rng.choice(
            (*names, *names, "1", "None", "'text'", "[]", "{}", "True", f"len({names[0]})", "sorted([3, 1])")
        )
    left, right = _expression(rng, depth - 1, names), _expression(rng, depth - 1, names)
    forms = ("{0} + {1}", "({0}, {1})", "({0} if {1} else 0)", "[{0}]", "str({0})")
    return rng.choice(forms).format(left, right)


HOSTILE: dict[str, str] = {
    "doubling": "x0 = 'a'\n" + "".join(f"x{n + 1} = x{n} + x{n}\n" for n in range(24)) + "print(x24)\n",
    "doubling lists": "x0 = [1]\n" + "".join(f"x{n + 1} = x{n} + x{n}\n" for n in range(40)) + "print(x40)\n",
    "multiplying": "x = [1]\n" + "x = x * 10\n" * 8 + "print(x)\n",
    "multiplying strings": "x = 'a'\n" + "x = x * 10\n" * 12 + "print(x)\n",
    "powers": "x = 10\n" + "x = x ** x\n" * 6 + "print(x)\n",
    "shifts": "x = 1\n" + "x = 1 << (x << 20)\n" * 3 + "print(x)\n",
    "50,000 functions": "".join(f"def f{n}(): pass\n" for n in range(50_000)),
    "600 functions": "".join(f"def f{n}(a):\n    return a\n" for n in range(600)),
    "900-term sum": "x = " + " + ".join(["1"] * 900) + "\n",
    "190-term sum": "x = " + " + ".join(["1"] * 190) + "\n",
    "190 string terms": "x = " + " + ".join(["'a'"] * 190) + "\n",
    "open brackets": "(" * 5_000,
    "nested brackets": "x = " + "(" * 150 + ")" * 150 + "\n",
    "nested lists": "x = " + "[" * 150 + "]" * 150 + "\n",
    "nested lambdas": "x = " + "lambda: " * 150 + "1\n",
    "nested functions": "".join(f"{' ' * n}def f{n}():\n" for n in range(90)) + " " * 90 + "pass\n",
    "nested ifs": "".join(f"{' ' * n}if x:\n" for n in range(90)) + " " * 90 + "pass\n",
    "nested comprehensions": "x = " + "[" * 18 + "1" + " for a in b]" * 18 + "\n",
    "long chain": "x = a" + ".b" * 180 + "\n",
    "call chain": "x = a" + "()" * 180 + "\n",
    "unary chain": "x = " + "-" * 190 + "1\n",
    "not chain": "x = " + "not " * 20_000 + "1\n",
    "inheritance chain": "class A0: pass\n" + "".join(f"class A{n + 1}(A{n}): pass\n" for n in range(500)),
    "inherits itself": "class A(A): pass\nclass B(C): pass\nclass C(B): pass\nA().x\nB().y\n",
    "diamonds": "class A0: pass\nclass B0: pass\n"
    + "".join(f"class A{n + 1}(A{n}, B{n}): pass\nclass B{n + 1}(B{n}, A{n}): pass\n" for n in range(20)),
    "calls itself": "def f(x): return g(x)\ndef g(x): return f(f(g(x)))\ny = f(g(f(1)))\ny.a\n",
    "mutual branching": "f0(1).a\n"
    + "".join(f"def f{n}(x): return f{n + 1}(x) or f{n + 1}(f{n + 1}(x))\n" for n in range(40)),
    "long docstring": '"""' + "a\n" * 1_900 + '"""\n',
    "long list": "x = [\n" + "1,\n" * 1_900 + "]\n",
    "huge line": "x = '" + "a" * 60_000 + "'\n",
    "huge number": "x = " + "9" * 60_000 + "\n",
    "huge format": "x = '%1000000000d' % 1\ny = f'{1:1000000000}'\nz = '{:>1000000000}'.format(1)\n",
    "null byte": "x = '\0'\n",
    "latin-1 cookie": "# coding: latin-1\nx = 'ä한'\n",
    "utf-7 cookie": "# coding: utf-7\n+AHA-rint(1)\n",
    "unknown cookie": "# -*- coding: nonsense -*-\nx = 1\n",
    "form feeds": "\f\f\x0b\nx = 1\f\n",
    "wild newlines": "x = 1\u2028y = 2\u2029\x85z = 3\n",
    "lone surrogate": "x = '\ud800'\n",
    "right to left": "x = '\u202e' # \u2066\n",
}
"""Snippets that take an unguarded analyser 54 s, 970 MB or its life."""

Facts = tuple[tuple[str, str, int, str], ...]


def facts(analysis: Analysis) -> Facts:
    """The findings of one snippet in an order that both sides have."""
    return tuple(sorted((one.severity, one.symbol, one.line, one.text) for one in analysis.findings))


def fresh(code: str) -> Facts:
    """The findings of a fresh pylint process in an empty folder, with the same options."""
    with tempfile.TemporaryDirectory() as folder:
        quiet = source.without_comments(code).quiet
        Path(folder, "fresh.py").write_text(quiet, encoding="utf-8", newline="\n")
        done = subprocess.run(
            [sys.executable, "-m", "pylint", *PYLINT_OPTIONS, "--output-format=json2", "fresh.py"],
            cwd=folder,
            env={"PYLINTHOME": folder, "HOME": folder},
            capture_output=True,
            check=False,
        )
        messages = json.loads(done.stdout)["messages"]
    return tuple(sorted((one["type"], one["symbol"], one["line"], one["message"]) for one in messages))


def analysed(codes: Sequence[str]) -> tuple[list[Analysis], float]:
    """The analyses of a new analyser, and its CPU seconds in all, from its start to its end."""
    before = _children_cpu_s()
    with Analyser() as analyser:
        analyses = [analyser.analyse(code) for code in codes]
    return analyses, _children_cpu_s() - before


def hostile() -> Iterator[tuple[str, float, float, Analysis]]:
    """``(name, wall seconds, CPU seconds, analysis)`` of every hostile snippet, each with a new worker."""
    for name, code in HOSTILE.items():
        started, before = time.perf_counter(), _children_cpu_s()
        with Analyser() as analyser:
            analysis = analyser.analyse(code)
        yield name, time.perf_counter() - started, _children_cpu_s() - before, analysis


def reordered(codes: Sequence[str]) -> dict[str, int]:
    """How many snippets get other figures in another order, by the order's name."""
    expected, _ = analysed(codes)
    shuffled = list(range(len(codes)))
    random.Random(SEED).shuffle(shuffled)
    orders = {"reversed": list(range(len(codes)))[::-1], "shuffled": shuffled}
    different = {}
    for name, order in orders.items():
        found, _ = analysed([codes[place] for place in order])
        different[name] = sum(one != expected[place] for one, place in zip(found, order, strict=True))
    return different


def sandbox_cpu_ms(programs: int = 40) -> tuple[float, float]:
    """CPU milliseconds of one sandboxed program, and of a bare interpreter, interleaved."""
    sandbox = choice.choose()
    ours = bare = 0.0
    for _ in range(programs):
        before = _children_cpu_s()
        sandbox.run("def f(x):\n    return x + 1\n", ("f(1)",))
        between = _children_cpu_s()
        subprocess.run([sys.executable, "-S", "-P", "-s", "-c", "pass"], check=True)
        ours += between - before
        bare += _children_cpu_s() - between
    return ours / programs * 1e3, bare / programs * 1e3


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--snippets", type=int, default=200)
    parser.add_argument("--fresh", type=int, default=200, help="how many to compare with a fresh pylint")
    options = parser.parse_args()
    codes = snippets(options.snippets)
    lines = sorted(code.count("\n") + 1 for code in codes)
    print(f"{len(codes)} snippets, {lines[0]} to {lines[-1]} lines, median {lines[len(lines) // 2]}")

    analyses, cpu_s = analysed(codes)
    each_ms = cpu_s / len(codes) * 1e3
    failures = sum(one.failure is not None for one in analyses)

    compared = max(1, min(options.fresh, len(codes)))
    before = _children_cpu_s()
    other = sum(facts(one) != fresh(code) for one, code in zip(analyses[:compared], codes, strict=False))
    fresh_ms = (_children_cpu_s() - before) / compared * 1e3
    print(f"CPU per snippet, start included: {each_ms:.1f} ms (mark {CPU_MARK_MS:.0f}); failures: {failures}")
    print(f"a fresh pylint: {fresh_ms:.0f} ms, {fresh_ms / each_ms:.0f} times as much")
    print(f"findings differ from a fresh pylint on {other} of {compared} snippets")

    orders = reordered(codes)
    print("figures differ in another order:", ", ".join(f"{name} {count}" for name, count in orders.items()))

    ours_ms, bare_ms = sandbox_cpu_ms()
    print(f"a sandboxed program: {ours_ms:.1f} ms, a bare interpreter {bare_ms:.1f} ms", end="")
    print(f": {ours_ms - bare_ms:.1f} ms more (mark {SANDBOX_MARK_MS:.0f})")

    late = 0
    for name, wall_s, worker_s, analysis in hostile():
        late += worker_s > HOSTILE_MARK_S
        print(f"  {name:22} {wall_s:6.2f} s  {worker_s:6.2f} CPU s  {analysis.failure or 'analysed'}")
    return int(
        each_ms > CPU_MARK_MS
        or failures > 0
        or other > 0
        or any(orders.values())
        or late > 0
        or ours_ms - bare_ms > SANDBOX_MARK_MS
    )


if __name__ == "__main__":
    sys.exit(main())
