"""The documentation says what the code does."""

from __future__ import annotations

from pathlib import Path

from pytest_llmeval import optiontable

ROOT = Path(__file__).parent.parent


def test_the_reference_has_every_option() -> None:
    assert optiontable.markdown() in (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")


def test_what_the_readme_links_to_exists() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    linked = [part.split(")")[0] for part in readme.split("](")[1:]]
    assert linked
    for target in linked:
        assert target.startswith("http") or (ROOT / target).is_file(), target
