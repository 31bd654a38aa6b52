"""Every row of the page on security names the test that tried it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def rows() -> list[str]:
    """Those of the tables whose last column names tests."""
    tables = re.findall(r"(?m)^\|.*\| test \|\n\|[-|]+\|\n((?:\|.*\n?)+)", TEXT)
    return [row for table in tables for row in table.splitlines()]


def test_every_row_names_tests_that_there_are() -> None:
    assert len(rows()) > 5
    for row in rows():
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", row.rstrip("| ").rpartition("|")[2])
        assert named, row
        for path, name in named:
            assert (ROOT / path).is_file(), path
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
            assert not name or name in functions, f"{path} has no {name}"
