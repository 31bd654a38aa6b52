"""The page for contributors shows the tree, the commands and the scripts that there are."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")


def tree() -> set[str]:
    """The paths that the page's tree shows; the package's own are indented."""
    block = TEXT.split("```\n")[1]
    lines = [line for line in block.splitlines() if line]
    return {("pytest_llmeval/" if line[0] == " " else "") + line.split()[0].rstrip("/") for line in lines}


def test_the_tree_is_there_and_every_folder_of_code_is_in_it() -> None:
    shown = tree()
    assert [path for path in sorted(shown) if not (ROOT / path).exists()] == []
    folders = {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("pytest_llmeval/*/*.py")}
    assert len(folders) > 7
    assert folders <= shown


def test_what_it_names_is_there() -> None:
    named = re.findall(r"`((?:pytest_llmeval|benchmarks|tests|suites|\.ci)/[\w./]*)`", TEXT)
    assert len(named) > 15
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_its_tox_environments_are_configured() -> None:
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    asked = {name for names in re.findall(r"tox -e ([\w,-]+)", TEXT) for name in names.split(",")}
    listed = tox["tox"]["env_list"].replace("py{311,312,313,314}", "py311, py312, py313, py314")
    known = {name.removeprefix("testenv:") for name in tox.sections()} | set(re.findall(r"[\w-]+", listed))
    assert asked
    assert asked <= known
    assert set(re.findall(r"`(e2e-\w+)`", TEXT)) <= known
