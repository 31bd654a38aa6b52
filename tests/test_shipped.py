"""Shipped suites are found in the wheel, or beside the package in a checkout; schemas are those of today."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_llmeval import scenarios, shipped
from pytest_llmeval.cli import schema
from pytest_llmeval.errors import SettingsError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that is not installed, with no suites yet."""
    package = tmp_path / "pytest_llmeval"
    package.mkdir()
    monkeypatch.setattr(shipped, "__file__", str(package / "shipped.py"))
    return package


def ship(folder: Path, *files: str) -> None:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("scenarios: []\n")


def test_in_a_checkout_they_lie_beside_the_package(package: Path) -> None:
    ship(package.parent / "suites", "b/b.eval.yaml", "a/2.eval.yaml", "a/1.eval.yaml", "c/notes.md")
    assert shipped.folder() == package.parent / "suites"
    assert shipped.names() == ["a", "b"]
    assert [path.name for path in shipped.files("a")] == ["1.eval.yaml", "2.eval.yaml"]


def test_in_a_wheel_they_lie_in_the_package(package: Path) -> None:
    ship(package.parent / "suites", "of-somebody-else/x.eval.yaml")
    ship(package / "suites", "smoke/smoke.eval.yaml")
    assert shipped.folder() == package / "suites"
    assert shipped.names() == ["smoke"]


@pytest.mark.parametrize("name", ["nope", "", ".", "..", "coding/../smoke", "smok*"])
def test_another_name_is_refused_with_what_there_is(package: Path, name: str) -> None:
    ship(package / "suites", "smoke/smoke.eval.yaml", "coding/coding.eval.yaml", "empty/readme.md")
    ship(package, "suites/top.eval.yaml", "own.eval.yaml")
    with pytest.raises(SettingsError) as caught:
        shipped.files(name)
    assert caught.value.where == "--llm-suite"
    assert str(caught.value) == (
        f"--llm-suite: there is no shipped suite {name!r}\n"
        "  -> shipped are: coding, smoke; a suite of your own is run by its path"
    )


def test_what_is_shipped_is_read_under_its_own_name() -> None:
    assert "smoke" in shipped.names()
    for name in shipped.names():
        for path in shipped.files(name):
            assert scenarios.load(path, root=Path("/")).name == name


SCHEMAS = Path(shipped.__file__).parent / "schemas"


@pytest.mark.parametrize("name", schema.FILES)
def test_the_shipped_schema_is_what_the_types_give(name: str) -> None:
    path = SCHEMAS / f"{name}.schema.json"
    again = f"write it again: llmeval schema {name} > pytest_llmeval/schemas/{path.name}"
    assert path.read_text(encoding="utf-8") == schema.text(name), again


def test_no_other_schema_is_shipped() -> None:
    assert {path.name for path in SCHEMAS.iterdir()} == {f"{name}.schema.json" for name in schema.FILES}
