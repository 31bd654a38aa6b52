"""Long prompts: always the same, as long as asked for, with every needle where it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_llmeval import filler, hashes, scenarios
from pytest_llmeval.errors import ScenarioError
from pytest_llmeval.filler import BYTES_A_TOKEN, Needle

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "".join(f"line {number} of a text\n" for number in range(400))
SCENARIO = """\
scenarios:
- id: a
  prompt:
    en: "Read this.\\n{filler}\\nWhat is the code?"
    ko: "{filler}\\n코드가 무엇인가요?"
  filler:
    files: [one.txt, more/two.txt]
    tokens: 1000
    needles:
    - {at: 0, text: The first code is 1111.}
    - {at: 1, text: The last code is 9999.}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "more").mkdir()
    (tmp_path / "one.txt").write_text(TEXT[:2000], "utf-8")
    (tmp_path / "more" / "two.txt").write_text(TEXT, "utf-8")
    (tmp_path / "x.eval.yaml").write_text(SCENARIO, "utf-8")
    return tmp_path


def test_a_small_one_whole() -> None:
    files = [("a.txt", "one\ntwo\n"), ("b.txt", "three\nfour\n")]
    text = filler.expand(files, 18, [Needle(0.5, "needle")])
    assert text == '<file path="a.txt">\none\ntwo\n</file>\nneedle\n<file path="b.txt">\n</file>\n'


def test_it_is_put_where_the_prompt_says(folder: Path) -> None:
    (scenario,) = scenarios.load(folder / "x.eval.yaml").scenarios
    english, korean = scenario.prompt["en"], scenario.prompt["ko"]
    assert english.startswith(
        'Read this.\nThe first code is 1111.\n<file path="one.txt">\nline 0 of a text\n'
    )
    assert english.endswith("</file>\nThe last code is 9999.\n\nWhat is the code?")
    assert '<file path="more/two.txt">' in english
    assert filler.PLACE not in english + korean
    long = english.removeprefix("Read this.\n").removesuffix("\nWhat is the code?")
    assert korean == f"{long}\n코드가 무엇인가요?"
    assert 980 <= len(long.encode()) / BYTES_A_TOKEN <= 1000


def test_the_hash_is_of_what_is_sent(folder: Path) -> None:
    def hashed() -> str:
        (scenario,) = scenarios.load(folder / "x.eval.yaml").scenarios
        return hashes.prompt_sha256(scenario, "en")

    before = hashed()
    assert hashed() == before
    two = folder / "more" / "two.txt"
    two.write_bytes(TEXT.replace("\n", "\r\n").encode())
    assert hashed() == before, "git's line ends are nobody's prompt"
    two.write_text(TEXT + "beyond what is used\n", "utf-8")
    assert hashed() == before
    two.write_text(TEXT.replace("line 7 ", "LINE 7 "), "utf-8")
    assert hashed() != before


MISTAKES = {
    # what is replaced: (by what, line, words of the message)
    "files: [one.txt, more/two.txt]": ("files: one.txt", 7, "filler.files: expected a list"),
    "[one.txt, more/two.txt]": ("[gone.txt]", 7, 'filler.files: "gone.txt" can\'t be read: No such file'),
    "more/two.txt": ("more", 7, 'filler.files: "more" can\'t be read: Is a directory'),
    "files: [one.txt, ": ("files: [] # [", 8, "there is no file to fill it with"),
    "[one.txt,": ("[../secret.txt,", 7, "is not below the scenario file's folder"),
    "one.txt,": ("/etc/hostname,", 7, "is not below the scenario file's folder"),
    "one.txt, more/two.txt": ("latin.txt", 7, 'filler.files: byte 3 of "latin.txt" is not UTF-8'),
    "    tokens: 1000\n": ("", 7, "filler has no tokens:"),
    "tokens: 1000": ("tokens: 0", 8, "filler.tokens: expected a whole number of at least 1"),
    "1000": ("10000", 8, "the files hold 2,389 tokens, 7,599 too few"),
    "tokens: 1": ("tokens: 1 #", 8, "the needles leave no room for the files"),
    "tokens:": ("token:", 8, "did you mean tokens?"),
    "{at: 0, text": ("{at: 1.5, text", 10, "at: expected a number of at least 0 and at most 1"),
    "at: 0, ": ("", 10, "a needle has at: and text:"),
    '"{filler}\\n코드': ('"코드', 5, "prompt.ko must say {filler} once"),
    "{filler}\\n코드": ("{filler}{filler}", 5, "prompt.ko must say {filler} once"),
}  # fmt: skip


@pytest.mark.parametrize("replaced", MISTAKES)
def test_a_mistake_is_told_with_its_line(folder: Path, replaced: str) -> None:
    replacement, line, words = MISTAKES[replaced]
    (folder / "latin.txt").write_bytes(b"caf\xe9")
    (folder / "x.eval.yaml").write_text(SCENARIO.replace(replaced, replacement), "utf-8")
    with pytest.raises(ScenarioError) as caught:
        scenarios.load(folder / "x.eval.yaml")
    assert words in str(caught.value)
    assert caught.value.line == line


def test_a_link_out_of_the_folder_is_no_way_out(folder: Path) -> None:
    (folder / "one.txt").unlink()
    (folder / "one.txt").symlink_to("/etc/hostname")
    with pytest.raises(ScenarioError, match="is not below the scenario file's folder"):
        scenarios.load(folder / "x.eval.yaml")


def test_a_huge_file_is_not_read(folder: Path) -> None:
    with (folder / "one.txt").open("wb") as file:
        file.truncate(filler.MAX_FILE_BYTES + 1)
    with pytest.raises(ScenarioError, match="is larger than 10,000,000 bytes"):
        scenarios.load(folder / "x.eval.yaml")


def test_without_a_block_the_place_is_a_text_like_any_other(folder: Path) -> None:
    (folder / "x.eval.yaml").write_text('scenarios: [{id: a, prompt: {en: "{filler}"}}]', "utf-8")
    assert scenarios.load(folder / "x.eval.yaml").scenarios[0].prompt["en"] == filler.PLACE


lines = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=60)
texts = st.lists(lines, min_size=1, max_size=20).map("\n".join)
hay = st.sampled_from(["NEEDLE one", "NEEDLE two\n"])
needles = st.lists(st.builds(Needle, st.floats(0, 1), hay), max_size=4)


@given(st.lists(st.tuples(st.sampled_from(["a", "b/c.md"]), texts), max_size=4), st.integers(1, 600), needles)
@example([], 1, [Needle(0.0, "NEEDLE that is longer")])
def test_any_filler_is_as_long_as_asked_and_holds_every_needle(
    files: list[tuple[str, str]], tokens: int, needles: list[Needle]
) -> None:
    try:
        text = filler.expand(files, tokens, needles)
    except ValueError:
        return
    longest = max(len(line.encode()) for _, one in files for line in one.split("\n")) + 1
    heading = max(len(f'<file path="{path}">\n</file>\n'.encode()) for path, _ in files)
    size = len(text.encode())
    assert size <= tokens * BYTES_A_TOKEN
    assert size >= tokens * BYTES_A_TOKEN - max(longest, heading, BYTES_A_TOKEN)
    assert text.count("NEEDLE") >= len(needles)
    assert text.count("<file path=") >= 1
    assert text == filler.expand(files, tokens, needles)


@given(st.floats(0, 1))
def test_a_needle_lies_where_it_should(at: float) -> None:
    text = filler.expand([("a.txt", TEXT)], 1000, [Needle(at, "NEEDLE")])
    start = len(text.partition("NEEDLE")[0].encode())
    assert start / len(text.encode()) == pytest.approx(at, abs=0.01)
    assert text[:start].endswith("\n") or start == 0
