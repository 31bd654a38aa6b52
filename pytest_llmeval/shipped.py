"""Where the shipped suites lie: in the wheel, or beside the package in a checkout.

An editable install does not see what the wheel's build puts into the package.
"""

from __future__ import annotations

from pathlib import Path

from .errors import SettingsError

PREFIX = "llmeval-suites"
"""What node ids of their cells begin with: ``PREFIX/suite/file``."""


def folder() -> Path:
    """The folder of all shipped suites."""
    package = Path(__file__).parent
    inside = package / "suites"
    return inside if inside.is_dir() else package.parent / "suites"


def names() -> list[str]:
    """Of every shipped suite, sorted."""
    return sorted({path.parent.name for path in folder().glob("*/*.eval.yaml")})


def files(name: str) -> list[Path]:
    """The scenario files of one shipped suite. Raises ``SettingsError`` for a name that is not shipped."""
    found = sorted((folder() / name).glob("*.eval.yaml")) if name in names() else []
    if not found:
        raise SettingsError(
            f"there is no shipped suite {name!r}",
            where="--llm-suite",
            hint=f"shipped are: {', '.join(names())}; a suite of your own is run by its path",
        )
    return found
