"""Programs that are about to burst, four at a time: each ends within its limits and leaves nothing behind."""

from __future__ import annotations

import random
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import siege

from pytest_llmeval.model import Check
from pytest_llmeval.score.sandbox import attacks, choice
from pytest_llmeval.score.sandbox.protocol import DEFAULT, Broken, Limits, Raised, Returned, Unusable
from pytest_llmeval.score.scorers import python

if TYPE_CHECKING:
    from pytest_llmeval.score.sandbox.protocol import Result

SANDBOX = choice.usable()
pytestmark = pytest.mark.skipif(isinstance(SANDBOX, Unusable), reason="no sandbox here")
QUICK = Limits(load_s=1.0, call_s=0.3, cpu_s=2, memory_bytes=256 << 20)
AT_ONCE = 4
SLACK_S = 30.0
"""Beyond the limits of all: starts of interpreters on a busy machine."""
HONEST = "def f():\n    return 4\n"
BOMBS = {
    "import, time": "while True: pass\n",
    "import, memory": "x = [0] * (1 << 40)\n",
    "import, by a module of its own": """\
open('m.py', 'w').write('while True: pass')
import sys
sys.path.insert(0, '.')
import m
""",
    "call, time": "def f():\n    while True: pass\n",
    "call, memory": """\
def f():
    x = []
    while True: x.append(bytearray(1 << 20))
""",
    "call, memory of C": "def f():\n    return 10 ** 10 ** 9\n",
    "call, a table of strings": """\
def f():
    x = 'a'
    while True: x += x
""",
    "__del__": """\
class A:
    def __del__(self):
        while True: pass
def f():
    A()
    return 1
""",
    "__del__ of a cycle": """\
import gc
class A:
    def __del__(self):
        while True: pass
def f():
    a = A()
    a.me = a
    del a
    gc.collect()
    return 1
""",
    "__repr__, time": """\
class A:
    def __repr__(self):
        while True: pass
def f():
    return A()
""",
    "__repr__, memory": """\
class A:
    def __repr__(self):
        return 'x' * (1 << 40)
def f():
    return A()
""",
    "__repr__, no text": """\
class A:
    def __repr__(self):
        return 1
def f():
    return A()
""",
    "__class__ that lies": """\
class A:
    @property
    def __class__(self):
        while True: pass
def f():
    return A()
""",
    "__str__ of an error": """\
class E(Exception):
    def __str__(self):
        while True: pass
def f():
    raise E
""",
    "__mro__ of an error": """\
class E(Exception):
    pass
E.__name__ = 'x' * 10 ** 8
def f():
    raise E
""",
    "a pickle": """\
import pickle
class A:
    def __reduce__(self):
        return eval, ('[0] * (1 << 40)',)
def f():
    return pickle.loads(pickle.dumps(A()))
""",
    "a pickle that runs a program": """\
import pickle, os
class A:
    def __reduce__(self):
        return os.system, ('true',)
def f():
    if pickle.loads(pickle.dumps(A())) == 0: return 1
    raise OSError
""",
    "a generator": """\
def g():
    while True: yield 1
def f():
    return list(g())
""",
    "a generator that does not close": """\
def g():
    try:
        yield 1
    finally:
        while True: pass
def f():
    return next(g())
""",
    "gigabytes": "def f():\n    return bytes(1 << 31)\n",
    "many values": "def f():\n    return [[] for _ in range(10 ** 6)]\n",
    "a long text": "def f():\n    return 'x' * 10 ** 8\n",
    "a deep list": """\
def f():
    x = []
    for _ in range(10 ** 6): x = [x]
    return x
""",
    "nested in C": "def f():\n    return eval('(' * 10 ** 6 + ')' * 10 ** 6)\n",
    "output": """\
import sys
def f():
    while True: print('x' * 10 ** 5, flush=True)
""",
    "errors": """\
import sys
def f():
    while True: sys.stderr.write('x' * 10 ** 5)
""",
    "signals": """\
import signal
def f():
    for n in range(1, 65):
        try: signal.signal(n, lambda *_: None)
        except (OSError, ValueError): pass
    while True: pass
""",
    "timers": """\
import signal
signal.signal(signal.SIGALRM, lambda *_: None)
def f():
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    while True: pass
""",
    "threads that stay": """\
import threading
def g():
    while True: pass
def f():
    for _ in range(20): threading.Thread(target=g).start()
    while True: pass
""",
    "a regular expression": """\
import re
def f():
    return re.match('(a+)+$', 'a' * 64 + '!')
""",
    "a sum in C": "def f():\n    return sum(range(10 ** 12))\n",
    "recursion in C": """\
import sys
sys.setrecursionlimit(10 ** 8)
class A:
    def __getattr__(self, name): return getattr(self, name + 'x')
def f():
    return A().x
""",
    "files": """\
def f():
    n = 0
    while True:
        n += 1
        open(str(n), 'w').close()
""",
}
LIES = {
    "patches builtins": """\
import builtins
for n in ('isinstance', 'type', 'eval', 'map', 'len', 'repr'):
    setattr(builtins, n, lambda *_: True)
def f(): return 0
""",
    "patches sys": """\
import sys
sys.modules.clear()
sys.stdout = sys.stderr = sys.exit = None
def f(): return 0
""",
    "patches os": """\
import os
os.write = lambda *_: 10
os._exit = lambda *_: None
def f(): return 0
""",
    "looks who calls": """\
import sys
def f():
    frame = sys._getframe(1)
    while frame:
        for value in frame.f_locals.values():
            if value == 4: return value
        frame = frame.f_back
    return 0
""",
    "searches the memory": """\
import gc
def f():
    return next((o for o in gc.get_objects() if isinstance(o, list) and o == [4]), 0)
""",
    "sees that it is checked": """\
import sys
def f():
    return 0 if 'sandboxed' in sys.modules else 4
""",
    "changes numbers": """\
import ctypes
def f():
    ctypes.memmove(id(0) + 24, id(4) + 24, 4)
    return 0
""",
}


@pytest.fixture(scope="module")
def burst(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """What became of each, tried four at a time with honest ones between them."""
    folder = tmp_path_factory.mktemp("sandboxes")
    programs = [*BOMBS.items(), *((f"honest {number}", HONEST) for number in range(AT_ONCE))]
    random.Random(8).shuffle(programs)
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(AT_ONCE) as pool:
        patch.setattr(tempfile, "tempdir", str(folder))
        started = time.monotonic()
        results = list(pool.map(lambda one: SANDBOX.run(one[1], ("f()",), limits(one[0]))[0], programs))
        took_s = time.monotonic() - started
    assert not list(folder.iterdir())
    assert took_s < SLACK_S + len(programs) * (QUICK.load_s + QUICK.call_s) / AT_ONCE
    return {name: result for (name, _), result in zip(programs, results, strict=True)}


def limits(name: str) -> Limits:
    return DEFAULT if name.startswith("honest") else QUICK


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_a_result(burst: dict[str, Result], name: str) -> None:
    assert isinstance(burst[name], Broken | Raised)


def test_honest_programs_beside_them_are_not_harmed(burst: dict[str, Result]) -> None:
    assert [burst[f"honest {number}"] for number in range(AT_ONCE)] == [Returned(4)] * AT_ONCE


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_not_right(name: str) -> None:
    """Who finds out that it is checked does not find out what is expected."""
    (wrong,) = python.run(LIES[name], [Check(call="f()", equals=4)], SANDBOX)
    assert wrong is not None


def test_attacks_at_the_same_time() -> None:
    """Those of today; in a week all of them have been tried. ``benchmarks/siege.py`` tries all at once."""
    names = tuple(attacks.ATTACKS)[datetime.now(UTC).weekday() :: 7]
    assert siege.siege(SANDBOX.name, names, AT_ONCE) == []
