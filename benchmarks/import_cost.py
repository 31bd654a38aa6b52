"""What each run-time dependency costs to import and to install.

    python benchmarks/import_cost.py               # ten seconds
    python benchmarks/import_cost.py --rounds=30

Every dependency of ``pyproject.toml`` is imported in fresh processes: the modules of it that this package
imports, nothing else. Rounds take turns, so that a busy minute hits all alike. Prints the median CPU time of
the imports, how many modules they loaded (the standard library's too), the size of the distribution, and the
distributions that come with it.
"""

from __future__ import annotations

import argparse
import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from statistics import median

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pytest_llmeval"
ONE = """\
import sys, time
before, started = set(sys.modules), time.process_time()
for name in sys.argv[1:]:
    __import__(name)
spent = time.process_time() - started
print(spent * 1000, len(set(sys.modules) - before))
"""


def dependencies() -> list[str]:
    """The names of the run-time dependencies, as ``pyproject.toml`` lists them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(text).name for text in project["dependencies"]]


def imported() -> set[str]:
    """Every module that the package imports, dotted, those for type checkers left out."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                node.body = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module)
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "import_module":
                found |= {part.value for part in node.args if isinstance(part, ast.Constant)}
    return found


def modules_of(distribution: str, every: set[str]) -> list[str]:
    """The modules of a distribution among ``every``, else its package."""
    owners = importlib.metadata.packages_distributions()
    tops = {top for top, names in owners.items() if normal(distribution) in map(normal, names)}
    used = sorted(name for name in every if name.split(".")[0] in tops)
    return used or sorted(top for top in tops if not top.startswith("_"))[:1]


def normal(name: str) -> str:
    """A distribution's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def cost(modules: list[str]) -> tuple[float, int]:
    """CPU milliseconds, and modules loaded, of the imports in one fresh process."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", ONE, *modules], capture_output=True, text=True, check=True, timeout=60
    )
    spent, loaded = done.stdout.split()
    return float(spent), int(loaded)


def size_bytes(distribution: str) -> int:
    """Of the installed files that were shipped; what was compiled later is not counted."""
    files = importlib.metadata.files(distribution) or []
    paths = [Path(str(file.locate())) for file in files if file.suffix != ".pyc"]
    return sum(path.stat().st_size for path in paths if path.is_file())


def brings(distribution: str) -> set[str]:
    """The distributions that it needs here, and those that they need."""
    found: set[str] = set()
    waiting = [distribution]
    while waiting:
        for text in importlib.metadata.requires(waiting.pop()) or []:
            needed = Requirement(text)
            name = normal(needed.name)
            if name not in found and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
                found.add(name)
                waiting.append(name)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    every, direct = imported(), dependencies()
    asked = {name: modules_of(name, every) for name in direct}
    figures: dict[str, list[tuple[float, int]]] = {name: [] for name in asked}
    for _ in range(rounds + 1):
        for name, modules in asked.items():
            figures[name].append(cost(modules))
    print("| dependency | import, ms CPU | modules | on disk, MB | brings |")
    print("|---|---|---|---|---|")
    for name, (_, *rows) in figures.items():  # the first may compile
        spent, loaded = median(row[0] for row in rows), rows[-1][1]
        more = ", ".join(sorted(brings(name) - set(map(normal, direct)))) or "–"
        print(f"| `{name}` | {spent:.0f} | {loaded} | {size_bytes(name) / 1e6:.1f} | {more} |")


if __name__ == "__main__":
    main()
