"""What docstrings say, in the three usual styles, in Markdown and in Korean; and what code offers."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.score import docstrings, interfaces

GOOGLE = """Split it.

    Args:
        total (int, optional): The amount to pay,
            tip included.
        *rest (dict[str, int]): the others: all of them

    Returns:
        list[int]: cents for each

    Raises:
        ValueError: if there is nobody
            at all
        json.JSONDecodeError: never

    Example:
        n: not a parameter
    """
NUMPY = """Split it.

    Parameters
    ----------
    total : int
        The amount to pay,
        tip included.
    rest
        the others: all of them

    Returns
    -------
    list[int]
        cents for each

    Raises
    ------
    ValueError
        if there is nobody at all
    json.JSONDecodeError
        never
    """
REST = """Split it.

    :param int total: The amount to pay,
        tip included.
    :param rest: the others: all of them
    :returns: cents for each
    :rtype: list[int]
    :raises ValueError: if there is nobody at all
    :raises json.JSONDecodeError: never
    """
MARKDOWN = """Split it.

**Parameters**

- `total` (`int`): The amount to pay, tip included.
- **rest**: the others: all of them

**Returns:** cents for each

#### Raises

* `ValueError` – if there is nobody at all
* `json.JSONDecodeError` – never
"""
TABLES = """Split it.

| Name | Type | Description |
|------|------|-------------|
| `total` | int | The amount to pay, tip included. |
| `rest` | dict | the others: all of them |

**Returns** cents for each

| Exception | When |
|---|---|
| `ValueError` | if there is nobody at all |
| `JSONDecodeError` | never |
"""
KOREAN = """Split it.

매개변수:
    total: The amount to pay, tip included.
    rest: the others: all of them
반환값:
    cents for each
예외:
    ValueError: if there is nobody at all
    JSONDecodeError: never
"""


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, REST, MARKDOWN, TABLES, KOREAN])
def test_every_style_says_the_same(text: str) -> None:
    said = docstrings.read(text)
    assert said.prose.strip() == "Split it."
    assert list(said.parameters) == ["total", "rest"]
    assert said.parameters["total"].endswith("The amount to pay, tip included.")
    assert said.parameters["rest"].endswith("the others: all of them")
    assert (said.returns or "").endswith("cents for each")
    assert list(said.raises) == ["ValueError", "JSONDecodeError"]
    assert said.raises["ValueError"].endswith("if there is nobody at all")


def test_what_stands_under_no_heading_is_prose() -> None:
    said = docstrings.read("Return: nothing else.\n\nRaises ValueError when empty.\nargs are a list")
    assert said.returns == "nothing else.\n\nRaises ValueError when empty.\nargs are a list".replace(
        "\n", " "
    )
    said = docstrings.read("Raises ValueError when empty. Returns the sum of a and b.")
    assert said == docstrings.Said("Raises ValueError when empty. Returns the sum of a and b.", {}, None, {})


def test_marked_items_without_a_heading_name_parameters_and_exceptions() -> None:
    said = docstrings.read("Loads.\n\n- `path`: where\n- `OSError`: when it is gone\n- also fast: really")
    assert said.parameters == {"path": "where"}
    assert said.raises == {"OSError": "when it is gone"}


def test_a_hyphen_in_a_word_names_no_parameter() -> None:
    said = docstrings.read("Args:\n    a - first\n    b: a list,\n    non-empty and sorted\n")
    assert said.parameters == {"a": "first", "b": "a list, non-empty and sorted"}


@given(st.text(alphabet=st.sampled_from(":-*#`|_ \n()aArgsReturn예외")))
def test_any_text_is_read(text: str) -> None:
    docstrings.read(text)


CODE = '''
"""Module."""
import abc

class Empty(Exception):
    pass

class Store:
    """Keeps."""
    def __init__(self, path, *, size=3):
        if not path:
            raise ValueError("path")
    @property
    def size(self):
        return 3
    @staticmethod
    def parse(text):
        return text
    def _hidden(self, x): ...
    def clear(self) -> None:
        """Clears."""
        return None

def load(a, /, b, *rest, c, **more):
    def inner():
        raise KeyError
        return 1
    try:
        yield a
    except OSError as error:
        raise errors.LoadError(b) from error
    raise error

def _private(x): ...
'''


def test_what_code_offers() -> None:
    found = {one.name: one for one in interfaces.of(ast.parse(CODE))}
    assert list(found) == ["Store", "Store.__init__", "Store.size", "Store.parse", "Store.clear", "load"]
    assert found["Store"].is_class
    assert found["Store"].docstring == "Keeps."
    assert (found["Store.__init__"].parameters, found["Store.__init__"].raises) == (
        ("path", "size"),
        ("ValueError",),
    )
    assert not found["Store.size"].returns, "its summary says what it is"
    assert (found["Store.parse"].parameters, found["Store.parse"].returns) == (("text",), True)
    assert not found["Store.clear"].returns
    assert found["load"].parameters == ("a", "b", "rest", "c", "more")
    assert (found["load"].returns, found["load"].raises) == (True, ("LoadError",))


def test_code_without_its_docstrings() -> None:
    bare = "def f():\n    pass\nclass A:\n    pass\n"
    documented = '"""M."""\ndef f():\n    """F."""\nclass A:\n    """A."""\n    pass\n'
    trees = [interfaces.without_docstrings(ast.parse(code)) for code in (bare, documented)]
    assert ast.dump(trees[0]) == ast.dump(trees[1])
