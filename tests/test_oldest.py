"""The oldest versions that are tested are those that the package promises to work with."""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent


def test_the_oldest_pins_are_the_lower_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = {}
    for text in [*project["dependencies"], *project["optional-dependencies"]["fast"]]:
        requirement = Requirement(text)
        (bound,) = requirement.specifier
        assert bound.operator == ">="
        promised[requirement.name] = Version(bound.version)
    lines = (ROOT / "tests" / "oldest.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert {name: Version(version) for name, version in pinned.items()} == promised
