"""Tests in the real sandbox: found and run as pytest and unittest would, told in words, and ended in time."""

from __future__ import annotations

import pytest

from pytest_llmeval.score.sandbox import choice
from pytest_llmeval.score.sandbox.protocol import DEFAULT, Broken, Limits, Raised, Result, Returned, Unusable
from pytest_llmeval.score.testing import trial, written

SANDBOX = choice.usable()
SUBJECT = """\
LIMIT = 3

def add(a, b):
    return a + b

def greet(name):
    print("hello", name)

class Same:
    def __eq__(self, other):
        return True
    __hash__ = None

class Honest:
    def __init__(self, number):
        self.number = number
    def __eq__(self, other):
        return self.number == other.number
"""

pytestmark = pytest.mark.skipif(isinstance(SANDBOX, Unusable), reason="no sandbox here")


def verdicts(tests: str, subject: str = SUBJECT) -> dict[str, str | None]:
    return {one.name: one.why for one in trial.verdicts(SANDBOX, subject, written.read(tests))}


def test_functions_say_what_they_compared() -> None:
    told = verdicts("""
from sums import add
import pytest

def test_right():
    assert add(1, 2) == 3
    assert add(1, 2)
    assert add(0.1, 0.2) == pytest.approx(0.3)
    assert {"a": [0.1 + 0.2]} == pytest.approx({"a": [0.3]})

def test_wrong():
    assert add(1, 2) == 4

def test_wrong_with_words():
    assert not add(1, 2), "three is too much"

def test_near():
    assert add(1, 2) == pytest.approx(3.1)

def test_text():
    assert "x" in str(add(1, 2))

def test_error():
    add(1, None)

def helper():
    assert False
""")
    assert told == {
        "test_right": None,
        "test_wrong": "`add(1, 2) == 4`: 3 == 4",
        "test_wrong_with_words": "`not add(1, 2)`: three is too much",
        "test_near": "`add(1, 2) == pytest.approx(3.1)`: 3 == approx(3.1)",
        "test_text": "`'x' in str(add(1, 2))`: 'x' in '3'",
        "test_error": "raised TypeError: unsupported operand type(s) for +: 'int' and 'NoneType'",
    }


@pytest.mark.parametrize(
    "import_it",
    [
        "from sums import add",
        "import sums\nadd = sums.add",
        "import sums as s\nadd = s.add",
        "from src.sums import add",
        "import src.sums as s\nadd = s.add",
        "from .sums import add",
        "from sums import *",
        "",
    ],
)
def test_the_subject_is_found_whatever_it_is_called(import_it: str) -> None:
    told = verdicts(f"{import_it}\n\ndef test_it():\n    assert add(1, 2) == 3\n    assert add(0, 1) == 2\n")
    assert told == {"test_it": "`add(0, 1) == 2`: 1 == 2"}


def test_raises() -> None:
    told = verdicts("""
import pytest
from sums import add

def test_it_is_raised():
    with pytest.raises(TypeError, match="unsupported") as caught:
        add(1, None)
    assert "NoneType" in str(caught.value)
    pytest.raises(TypeError, add, 1, None)
    with pytest.raises((ValueError, TypeError)):
        add(1, None)

def test_nothing_is_raised():
    with pytest.raises(ValueError):
        add(1, 2)

def test_another_is_raised():
    with pytest.raises(ValueError):
        add(1, None)

def test_another_text():
    with pytest.raises(TypeError, match="nothing"):
        add(1, None)
""")
    assert told.pop("test_it_is_raised") is None
    assert list(told.values()) == [
        "ValueError was not raised",
        "raised TypeError: unsupported operand type(s) for +: 'int' and 'NoneType'",
        "'nothing' is not in \"unsupported operand type(s) for +: 'int' and 'NoneType'\"",
    ]


def test_parameters_fixtures_and_marks() -> None:
    told = verdicts("""
import pytest
from sums import add, greet

@pytest.fixture
def one():
    return 1

@pytest.fixture()
def log(one):
    entries = [one]
    yield entries
    assert entries == [1, "used"]

@pytest.fixture(params=[1, 5])
def number(request):
    return request.param

@pytest.fixture(autouse=True)
def clean():
    assert add.__name__ == "add"

@pytest.mark.parametrize("a, b", [(1, 1), (2, 3), pytest.param(4, 4, id="four")])
def test_pairs(a, b):
    assert a == b

@pytest.mark.parametrize("a", [1, 2])
@pytest.mark.parametrize(("b", "c"), [(3, 4)], ids=["named"])
def test_product(a, b, c):
    assert a + b + c < 9

def test_fixture(log, one):
    log.append("used")

def test_teardown(log):
    pass

def test_params(number):
    assert number < 3

def test_printed(capsys):
    greet("Ann")
    assert capsys.readouterr().out == "hello Ann\\n"

def test_files(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("a")
    monkeypatch.setenv("A", "b")

def test_patches(monkeypatch, tmp_path):
    import os, sums
    monkeypatch.setattr("sums.add", lambda a, b: 0)
    monkeypatch.setattr(sums, "more", 1, raising=False)
    monkeypatch.setattr("sums.Honest.kind", "new", raising=False)
    monkeypatch.delattr(sums, "greet")
    monkeypatch.delattr(sums, "greet", raising=False)
    monkeypatch.setattr(sums.Honest, "__repr__", lambda self: "honest")
    monkeypatch.delenv("NOT_THERE", raising=False)
    monkeypatch.delitem(os.environ, "HOME")
    monkeypatch.chdir(tmp_path)
    assert (sums.add(1, 2), sums.more, sums.Honest.kind) == (0, 1, "new")
    assert not hasattr(sums, "greet") and "HOME" not in os.environ and os.listdir() == []

def test_patched_no_more():
    import os, sums
    assert (sums.add(1, 2), hasattr(sums, "more"), hasattr(sums.Honest, "kind")) == (3, False, False)
    assert hasattr(sums, "greet") and "HOME" in os.environ and "__repr__" not in vars(sums.Honest)

def test_too_much(monkeypatch):
    monkeypatch.delattr("sums.nothing")

@pytest.mark.parametrize("pair,", [(1, 2)])
def test_plain(pair):
    assert pair == (1, 2)

@pytest.mark.parametrize(argnames=["only"], argvalues=[(1,), [2]])
def test_listed(only):
    assert only < 2

def test_unknown(mocker):
    pass

@pytest.mark.skip
def test_skipped():
    assert False

@pytest.mark.xfail(reason="known")
def test_expected():
    assert False

@pytest.mark.slow
def test_marked():
    pass

def test_gives_up():
    pytest.skip("later")

class TestGroup:
    def setup_method(self):
        self.start = 1

    @pytest.mark.parametrize("more", [1, 2])
    def test_method(self, more, one):
        assert self.start + more == 2
""")
    failed = {name: why for name, why in told.items() if why is not None}
    assert failed == {
        "test_pairs[2-3]": "`a == b`: 2 == 3",
        "test_product[named-2]": "`a + b + c < 9`: 9 < 9",
        "test_teardown": "`entries == [1, 'used']`: [1] == [1, 'used']",
        "test_params[5]": "`number < 3`: 5 < 3",
        "test_unknown": "raised LookupError: the fixture 'mocker' is not known here",
        "test_too_much": "raised AttributeError: module 'sums' has no attribute 'nothing'",
        "test_listed[2]": "`only < 2`: 2 < 2",
        "test_gives_up": "raised Skipped: later",
        "TestGroup.test_method[2]": "`self.start + more == 2`: 3 == 2",
    }
    assert {"test_pairs[four]", "test_product[named-1]", "test_marked"} <= told.keys()
    assert not {"test_skipped", "test_expected"} & told.keys()


def test_what_is_set_up_for_modules_classes_and_tests() -> None:
    told = verdicts(
        """
made = []

def setup_module(module):
    module.made.append("module")

def teardown_module():
    made.append("never")

def setup_function(function):
    made.append(function.__name__)

def teardown_function():
    made.append("after")

@pytest.mark.parametrize("number", [1, 2])
def test_function(number):
    assert made == ["module", *["test_function", "after"] * (number - 1), "test_function"]

class TestGroup:
    @classmethod
    def setup_class(cls):
        cls.seen = list(made)

    def setup_method(self, method):
        self.name = method.__name__

    def teardown_method(self):
        self.seen.append("left")

    def test_first(self):
        assert (self.name, self.seen) == ("test_first", ["module"])

    def test_second(self):
        assert (self.name, self.seen) == ("test_second", ["module", "left"])

class TestPlain:
    def setup_class(self):
        self.plain = 1

    def setup_method(self):
        assert self.plain == 2

    def teardown_method(self):
        raise OSError("never set up")

    def test_it(self):
        pass
""".replace("made = []", "import pytest\nmade = []")
    )
    assert told == {
        "test_function[1]": None,
        "test_function[2]": None,
        "TestGroup.test_first": None,
        "TestGroup.test_second": None,
        "TestPlain.test_it": "`self.plain == 2`: 1 == 2",
    }


def test_unittest() -> None:
    told = verdicts("""
import unittest
from sums import add

class Numbers(unittest.TestCase):
    def setUp(self):
        self.one = 1

    def test_right(self):
        self.assertEqual(add(self.one, 1), 2)
        with self.assertRaises(TypeError):
            add(1, None)

    def test_wrong(self):
        self.assertEqual(add(self.one, 1), 3)

    def test_parts(self):
        for number in (1, 2):
            with self.subTest(number=number):
                self.assertLess(number, 2)

    @unittest.skip("later")
    def test_skipped(self):
        pass

if __name__ == "__main__":
    unittest.main()
unittest.main()
""")
    assert told == {
        "Numbers.test_right": None,
        "Numbers.test_wrong": "AssertionError: 2 != 3",
        "Numbers.test_parts": "AssertionError: 2 not less than 2",
        "Numbers.test_skipped": "it was skipped",
    }


def test_coroutines_are_run() -> None:
    told = verdicts("async def test_it():\n    assert add(1, 1) == 3\n")
    assert told == {"test_it": "`add(1, 1) == 3`: 2 == 3"}


def test_what_can_not_be_loaded_fails() -> None:
    told = verdicts("from sums import multiply\n\ndef test_it():\n    pass\n")
    why = "did not load: raised ImportError: cannot import name 'multiply' from 'sums' (unknown location)"
    assert told == {"test_it": why}


def test_what_does_not_end_fails_and_costs_only_itself() -> None:
    told = verdicts("""
import os, sys
def test_endless():
    while True:
        pass
def test_exit():
    sys.exit(0)
def test_gone():
    os._exit(0)
def test_fine():
    assert add(1, 2) == 3
""")
    assert told == {
        "test_endless": "it needed more than 0.5 s of CPU time",
        "test_exit": "raised SystemExit: 0",
        "test_gone": "it ended the program",
        "test_fine": None,
    }


def test_what_equals_everything_equals_nothing() -> None:
    told = verdicts("""
import unittest

def test_it():
    assert Same() == 3

def test_inside():
    assert [1, (Same(), 2)] == [1, (3, 2)]

def test_in():
    assert Same() in (3,)

def test_keys():
    assert {"a": Same()} == {"a": 3}

def test_other():
    assert LIMIT == 3

def test_honest():
    assert [Honest(3)] == [Honest(3)]

class Numbers(unittest.TestCase):
    def test_equal(self):
        self.assertEqual(Same(), 3)

    def test_in(self):
        self.assertIn(Same(), [3])

    def test_honest(self):
        self.assertEqual([Honest(3)], [Honest(3)])
""")
    assert sorted(name for name, why in told.items() if why is None) == [
        "Numbers.test_honest",
        "test_honest",
        "test_other",
    ]
    assert str(told["Numbers.test_equal"]).endswith("equals everything")


def test_the_subject_finds_nothing_of_what_runs_it() -> None:
    subject = """
import sys, solution, sums
def found():
    return [name for name in sys.modules if "llmeval" in name] + [vars(solution).keys() - vars(sums).keys()]
def add(a, b):
    return found()
"""
    told = verdicts("from sums import add\n\ndef test_it():\n    assert add(1, 2) == [set()]\n", subject)
    assert told == {"test_it": None}


def test_the_subject_does_not_stand_for_what_tests_use() -> None:
    subject = "def add(a, b):\n    return 0\ndef isinstance(*_):\n    return False\nsorted = isinstance\n"
    told = verdicts(
        "def test_it():\n    assert isinstance(add(1, 2), int)\n    assert sorted([2, 1]) == [1, 2]\n",
        subject,
    )
    assert told == {"test_it": None}


def test_every_subject_is_tried_with_fresh_tests() -> None:
    tests = written.read("""
from sums import add
SEEN = []
def test_first():
    SEEN.append(1)
    assert SEEN == [1]
def test_add():
    assert add(2, 2) == 4
def test_more():
    assert add(2, 3) == 5
""")
    subjects = [SUBJECT, SUBJECT.replace("a + b", "a * b"), SUBJECT.replace("a + b", "a - b"), SUBJECT, "def"]
    told = trial.noticed(SANDBOX, subjects[:4], tests)
    assert told == [None, "test_more", "test_add", None]


class Replies:
    """A sandbox that runs nothing and says what it was told to."""

    name = "told"

    def __init__(self, *results: Result) -> None:
        self.results = results

    def run(self, code: str, calls: tuple[str, ...], limits: Limits = DEFAULT) -> tuple[Result, ...]:
        return self.results


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (Returned([("test_a", None), ("test_a[2]", "no")]), [("test_a", None), ("test_a[2]", "no")]),
        (Returned("all passed"), [("test_a", "its outcome can't be read")]),
        (Returned([1, ("x",)]), []),
        (Raised(("KeyError", "Exception"), "x"), [("test_a", "raised KeyError: x")]),
        (Broken("took longer than 10 s"), [("test_a", "it took longer than 10 s")]),
    ],
)
def test_what_the_program_says_is_not_trusted_to_have_a_form(
    result: Result, expected: list[tuple[str, str | None]]
) -> None:
    assert trial.verdicts(Replies(result), "", written.Tests("", ("test_a",), ())) == expected


def test_subjects_that_were_not_tried_are_not_noticed() -> None:
    results = (
        Returned("test_a"),
        Broken("died"),
        Broken("was not tried", tried=False),
        Raised(("KeyError",), ""),
    )
    told = trial.noticed(Replies(*results), [""] * 4, written.Tests("", ("test_a",), ()))
    assert told == ["test_a", "died", None, "KeyError"]
