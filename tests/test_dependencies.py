"""Every dependency is accounted for in the documentation, and what its cost is measured on is found."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import import_cost

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[str]:
    """The names in the first column of the table with that heading."""
    table = TEXT[TEXT.index(heading) :].split("\n\n")[0]
    return re.findall(r"(?m)^\| `([\w-]+)` \|", table)


def test_the_page_has_every_dependency_twice_and_no_other() -> None:
    assert rows("| dependency | what for |") == import_cost.dependencies()
    assert rows("| dependency | import, ms CPU |") == import_cost.dependencies()


def test_the_page_has_every_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert rows("| extra |") == [name for name in project["optional-dependencies"] if name != "all"]


def test_what_is_measured_is_what_the_package_imports() -> None:
    every = import_cost.imported()
    assert "xdist.remote" not in every  # for type checkers only
    for name, module in {
        "pylint": "pylint.lint",
        "radon": "radon.metrics",
        "pytest-benchmark": "pytest_benchmark.stats",
        "PyYAML": "yaml",
    }.items():
        assert module in import_cost.modules_of(name, every)


def test_every_dependency_has_modules_to_measure() -> None:
    missing = {name for name in import_cost.dependencies() if not import_cost.modules_of(name, set())}
    assert missing <= {"pytest-xdist"}  # a supported set-up is without it
