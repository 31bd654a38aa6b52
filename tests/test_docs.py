"""The documentation says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from pytest_llmeval import optiontable, project, servertable

ROOT = Path(__file__).parent.parent


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
        assert target.startswith("http") or (ROOT / target).is_file(), target


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
