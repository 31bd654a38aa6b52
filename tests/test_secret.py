"""Keys are found in every form in which a server or a traceback shows them, and nothing else is touched."""

from __future__ import annotations

import base64
import html
import itertools
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.secret import BLOT, Blotter, Secret

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-canary/+=\"'<&>\\%1234"
BLOTTER = Blotter([KEY])


@pytest.mark.parametrize(
    "shown",
    [
        KEY,
        f"Bearer {KEY}",
        json.dumps({"authorization": KEY}),
        json.dumps({"message": json.dumps([KEY])}),
        repr(KEY),
        repr([repr([f"'{KEY}"])]),
        html.escape(f"bad key {KEY}"),
        f"?key={quote(KEY, safe='')}&x=1",
        f"?key={quote(KEY)}&x=1",
        f"?key={quote(KEY, safe='').lower()}",
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(f":{KEY}".encode()).decode(),
        base64.b64encode(f"me:{KEY} and more".encode()).decode(),
        base64.urlsafe_b64encode(f"user:{KEY}".encode()).decode(),
        base64.b64encode(f"me:{KEY}".encode()).decode().replace("/", r"\/").replace("+", r"\u002B"),
        KEY.encode().hex(),
        KEY.encode().hex().upper(),
        json.dumps(KEY).replace("/", r"\/"),
        json.dumps(KEY).replace("+", r"\u002B").replace("<", r"\u003c"),
        json.dumps(html.escape(KEY).replace("+", "&#43;").replace("%", "&#x25;")),
    ],
)
def test_every_form_is_blotted_out(shown: str) -> None:
    assert BLOT in BLOTTER.text(shown)
    assert "canary" not in BLOTTER.text(shown)
    assert BLOTTER.data(shown.encode()) == BLOTTER.text(shown).encode()


def test_what_is_too_short_to_be_told_from_a_word_stays() -> None:
    assert not Blotter(["EMPTY", "NA", "none", ""])
    assert Blotter(["EMPTY"]).text("Bearer EMPTY") == "Bearer EMPTY"
    assert Blotter(["list"]).text("a list of lists") == "a list of lists"


@pytest.mark.parametrize(
    ("shown", "left"),
    [
        ("sent 'Authorization': 'Bearer s3cret'", "sent 'Authorization': 'Bearer [key]'"),
        ("bearer%20s3cret&", "bearer%20[key]&"),
        ("Incorrect API key provided: s3cret.", "Incorrect API key provided: [key]."),
        ("Bearer s3cret2, s3cret", "Bearer s3cret2, s3cret"),
    ],
)
def test_a_short_key_is_found_where_a_key_stands(shown: str, left: str) -> None:
    blotter = Blotter(["s3cret", "sk-12345678"])
    assert blotter.text(shown) == left
    assert blotter.data(shown.encode()) == left.encode()
    assert "".join(blotter.pieces(list(shown))) == left


def test_one_key_in_another() -> None:
    assert Blotter(["sk-12345", "sk-12345-678"]).text("<sk-12345-678> <sk-12345>") == "<[key]> <[key]>"


@given(st.text(), st.lists(st.integers(0, 60)), st.text(min_size=8, max_size=20), st.text())
def test_pieces_join_to_the_text_without_keys(before: str, cuts: list[int], key: str, after: str) -> None:
    text = f"{before}{key}{after}"
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[start:end] for start, end in itertools.pairwise(places)]
    blotter = Blotter([key])
    assert "".join(blotter.pieces(pieces)) == blotter.text(text)
    assert len(blotter.pieces(pieces)) == len(pieces)


def test_pieces_keep_their_places() -> None:
    blotter = Blotter(["sk-canary"])
    assert blotter.pieces(["a sk", "-can", "", "ary b", "c"]) == ["a [key]", "", "", " b", "c"]
    assert blotter.pieces(["none", "here"]) == ["none", "here"]


def test_plain_data_is_blotted_throughout() -> None:
    value = {"a": ["sk-canary!", ("sk-canary", 1, None)], "sk-canary": True}
    assert Blotter(["sk-canary"]).value(value) == {"a": ["[key]!", ("[key]", 1, None)], "[key]": True}


def test_a_file_is_rewritten_only_where_it_must_be(tmp_path: Path) -> None:
    log = tmp_path / "box.log"
    log.write_bytes(b"started\napi_key='sk-canary'\n\xff\n")
    clean = tmp_path / "clean.log"
    clean.write_bytes(b"started\n")
    before = clean.stat()
    for path in (log, clean, tmp_path / "missing"):
        Blotter(["sk-canary"]).file(path)
    assert log.read_bytes() == b"started\napi_key='[key]'\n\xff\n"
    assert clean.stat().st_ino == before.st_ino
    assert sorted(path.name for path in tmp_path.iterdir()) == ["box.log", "clean.log"]


def test_neither_shows_itself() -> None:
    assert "canary" not in repr(BLOTTER) + repr(Secret(KEY)) + repr([Secret(KEY)])
