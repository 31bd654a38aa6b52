"""The documentation says what the code does."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_llmeval import cli, optiontable, project, scenarios, servertable

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PAGES = {
    page.name: page.read_text(encoding="utf-8")
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
}


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Every fenced block of a language, with the name of its page."""
    for name, text in PAGES.items():
        for block in re.findall(rf"(?ms)^```{language}\n(.*?)^```", text):
            yield name, block


def test_the_reference_has_every_option() -> None:
    assert optiontable.markdown() in (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")


def test_the_reference_has_every_key_of_an_endpoint() -> None:
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    table = text[text.index("| key of an endpoint |") : text.index("## Files")]
    told = {
        name
        for row in table.split("\n\n")[0].splitlines()[2:]
        for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    assert told == {*project.ENDPOINT_KEYS, *project.TABLES}
    servers = (ROOT / "docs" / "servers.md").read_text(encoding="utf-8")
    keys = {name for row in re.findall(r"(?m)^\| (`.*?) \|", servers) for name in re.findall(r"`(\w+)`", row)}
    assert set(servertable.KEYS) <= keys


def test_what_the_readme_links_to_exists() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    linked = [part.split(")")[0] for part in readme.split("](")[1:]]
    assert linked
    for target in linked:
        assert target.startswith("http") or (ROOT / target.partition("#")[0]).is_file(), target


def test_every_kind_has_an_example_that_is_read(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "servers.md").read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    kinds = {option.name: option.kind for option in optiontable.OPTIONS}
    found = set()
    for example in examples:
        (tmp_path / project.FILE).write_text(example, encoding="utf-8")
        found |= {one.kind for one in project.read(tmp_path, kinds).endpoints.values()}
    assert found == set(project.KINDS)
    assert all(f"## `{kind}" in text for kind in project.KINDS)


def test_every_page_is_in_the_navigation() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    assert set(re.findall(r": (\S+\.md)$", nav, re.MULTILINE)) == PAGES.keys() - {"README.md"}


def test_every_project_file_is_read(tmp_path: Path) -> None:
    kinds = {option.name: option.kind for option in optiontable.OPTIONS}
    found = 0
    for _, text in blocks("toml"):
        (tmp_path / project.FILE).write_text(text, encoding="utf-8")
        found += len(project.read(tmp_path, kinds, endpoint_kinds=("echo",)).endpoints)
    assert found > 10


def test_the_scenarios_of_readme_are_read(tmp_path: Path) -> None:
    (text,) = (text for name, text in blocks("yaml") if name == "README.md")
    (tmp_path / "x.eval.yaml").write_text(text, encoding="utf-8")
    assert scenarios.load(tmp_path / "x.eval.yaml").scenarios


@pytest.mark.parametrize("name", PAGES)
def test_every_option_that_is_named_exists(name: str) -> None:
    known = {flag for option in optiontable.OPTIONS for flag in (option.option, *dict(option.flags))}
    assert {found.rstrip("-") for found in re.findall(r"(?<!\w)--(?:no-)?llm-[a-z-]+", PAGES[name])} <= known


def test_every_command_in_a_sentence_exists(capsys: pytest.CaptureFixture[str]) -> None:
    found = [
        (name, shlex.split(text)[1:])
        for name, page in PAGES.items()
        for text in re.findall(r"`(llmeval [a-z][^`]*)`", page)
    ]
    assert len(found) > 20
    for name, words in found:
        commands = list(itertools.takewhile(str.islower, words))
        with pytest.raises(SystemExit) as exit_:
            cli.parser().parse_args([*commands, "--help"])
        said = capsys.readouterr()
        assert exit_.value.code == 0, f"{name}: {said.err}"
        assert {word.partition("=")[0] for word in words if word.startswith("-")} <= set(
            re.findall(r"(?<![\w-])-[\w-]+", said.out)
        ), name


@pytest.mark.parametrize("name", ["README.md", "index.md"])
def test_what_is_said_of_gates_was_measured(name: str) -> None:
    """The comparison shows figures of the table that ``benchmarks/gate_power.py`` printed."""
    world = "| 4 % within, 2 % between | 5 | "
    measured = [
        next(
            line for line in PAGES["gate-statistics.md"].splitlines() if line.startswith(world + change)
        ).split("|")
        for change in ("no change", "−10 %", "one scenario −20 %")
    ]
    columns = {"mean:5%": 7, "median:10%": 8, "paired t": 9, "this one": 4}
    rows = PAGES[name].partition("| gate | nothing changed |")[2].split("\n\n")[0].splitlines()[2:]
    assert len(rows) == len(columns)
    for row, (gate, column) in zip(rows, columns.items(), strict=True):
        assert gate in row
        assert re.findall(r"\d+\.\d", row) == [line[column].strip() for line in measured]


def test_what_messages_link_to_exists() -> None:
    links = {
        link
        for path in (ROOT / "pytest_llmeval").rglob("*.py")
        for link in re.findall(r"docs/(\w[\w-]*\.md)#([\w-]+)", path.read_text(encoding="utf-8"))
    }
    assert links
    for page, anchor in links:
        headings = re.findall(r"(?m)^#+ (.*)$", PAGES[page])
        assert anchor in {re.sub(r"[^\w]+", "-", heading.lower()).strip("-") for heading in headings}
