"""The house's rules: imports point one way, pytest stays under the roof, start-up costs nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pytest_llmeval

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(pytest_llmeval.__file__).parent
WINGS = ("measure", "score", "judge", "report")
JOINTS = ("evaluate", "merge", "compare", "trends", "dossier")
ROOF = ("plugin", "cli")
ROOF_ONLY = {"pytest", "_pytest", "xdist", "pytest_benchmark", "execnet"}
HEAVY = {
    "httpx",
    "httptools",
    "msgspec",
    "yaml",
    "rich",
    "filelock",
    "pylint",
    "astroid",
    "radon",
    "numpy",
    "xllamacpp",
    "uvloop",
    "pydantic",
    "scipy",
    "matplotlib",
    "asyncio",
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        yield name.removesuffix(".__init__") if name != "__init__" else "", path


def imports_of(name: str, path: Path, tree: ast.Module | None = None) -> Iterator[str]:
    """Modules of the package that this one imports, dotted below it; others as ``!name``."""
    package = name.split(".") if path.name == "__init__.py" and name else name.split(".")[:-1]
    for node in ast.walk(tree or ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (f"!{alias.name.split('.')[0]}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                top = (node.module or "").split(".")[0]
                yield f"!{top}" if top != "pytest_llmeval" else ".".join((node.module or "").split(".")[1:])
                continue
            base = package[: len(package) - node.level + 1]
            target = [*base, *(node.module.split(".") if node.module else [])]
            if node.module:
                yield ".".join(target)
            else:
                yield from (".".join([*target, alias.name]) for alias in node.names)


def rank(name: str) -> int:
    """errors <- the ground (every other top module) <- the wings <- what joins them <- the roof."""
    top = name.split(".", maxsplit=1)[0]
    if top == "errors":
        return 0
    if top in WINGS:
        return 2
    if top in JOINTS:
        return 3
    return 4 if top in ROOF else 1


@pytest.mark.parametrize(
    ("name", "path"), list(modules()), ids=lambda value: str(value) if isinstance(value, str) else ""
)
def test_imports_point_one_way(name: str, path: Path) -> None:
    for target in imports_of(name, path):
        if target.startswith("!"):
            assert target[1:] not in ROOF_ONLY or name.split(".", maxsplit=1)[0] == "plugin", (
                f"{name} imports {target[1:]}"
            )
            continue
        if not target or target == "__version__":
            continue
        top, own = target.split(".")[0], name.split(".", maxsplit=1)[0]
        if own == top:
            continue
        assert rank(target) <= rank(name), f"{name} imports {target}"
        assert not (own in WINGS and top in WINGS), f"wing {own} imports wing {top}"
        assert not (own == "cli" and top == "plugin"), f"{name} imports {target}"


def test_no_cycle() -> None:
    graph: dict[str, set[str]] = {}
    names = {name for name, _ in modules()}
    for name, path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for guard in [node for node in ast.walk(tree) if isinstance(node, ast.If)]:
            if isinstance(guard.test, ast.Name) and guard.test.id == "TYPE_CHECKING":
                guard.body = [ast.Pass()]
        source = {target for target in _top_level(name, path, tree) if target in names}
        graph[name] = source - {name, ""}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"import cycle: {' -> '.join((*trail, name))}"
        if name not in done:
            for target in graph[name]:
                visit(target, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def _top_level(name: str, path: Path, tree: ast.Module) -> Iterator[str]:
    """Imports that run when the module is imported; those inside functions do not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [ast.Pass()]
    return imports_of(name, path, tree)


def test_the_public_names_are_sorted_and_there() -> None:
    for module in (pytest_llmeval,):
        assert list(module.__all__) == sorted(module.__all__)
        for name in module.__all__:
            assert getattr(module, name) is not None
    from pytest_llmeval import judge

    assert list(judge.__all__) == sorted(judge.__all__)
    for name in judge.__all__:
        assert getattr(judge, name) is not None


COLLECT = """\
import sys
class Baseline:
    pass
import pytest
before = set(sys.modules)
code = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *sys.argv[1:]])
print("LOADED", *sorted({name.split(".")[0] for name in set(sys.modules) - before}))
sys.exit(code)
"""


def loaded(folder: Path, *arguments: str) -> set[str]:
    (folder / "test_plain.py").write_text("def test_plain():\n    pass\n")
    (folder / "go.py").write_text(COLLECT)
    done = subprocess.run(
        [sys.executable, "go.py", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("LOADED")), "")
    assert line, done.stdout + done.stderr
    return set(line.split()[1:])


def test_an_unrelated_collect_only_run_imports_nothing_heavy(tmp_path: Path) -> None:
    """The difference to the same run without the plugin: others import things of their own."""
    without = loaded(tmp_path, "-p", "no:llmeval")
    assert "pytest_llmeval" in loaded(tmp_path)
    assert (loaded(tmp_path) - without) & HEAVY == set()


def test_the_heavy_test_can_fail(tmp_path: Path) -> None:
    (tmp_path / "a.eval.yaml").write_text("scenarios:\n- id: a\n  prompt: {en: hi}\n")
    assert "yaml" in loaded(tmp_path)
