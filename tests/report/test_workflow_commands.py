"""Annotations: one line, everything escaped, files as the repository knows them."""

from __future__ import annotations

from pathlib import Path

from pytest_llmeval.report import commands


def test_an_annotation_is_one_line_with_everything_escaped() -> None:
    line = commands.error("a::b, c", "100 % slower\n::error::x", file="evals/a,b:c.yaml", line=3)
    assert line == (
        "::error file=evals/a%2Cb%3Ac.yaml,line=3,title=a%3A%3Ab%2C c::100 %25 slower%0A∷error::x"
    )
    assert commands.error("t", "m") == "::error title=t::m"
    assert commands.error("t", "m", line=3) == "::error title=t::m"
    assert len(commands.error("t", "x" * 9999)) < 4096


def test_files_are_named_as_the_repository_knows_them(tmp_path: Path) -> None:
    environ = {"GITHUB_WORKSPACE": str(tmp_path)}
    assert commands.in_repository(tmp_path / "sub" / "a.yaml", environ) == "sub/a.yaml"
    assert commands.in_repository(Path("/elsewhere/a.yaml"), environ) is None
