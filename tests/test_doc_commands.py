"""Every command that README and ``docs/`` show is run here, or stands in `NOT_RUN` with the reason why not.

The servers that pages speak of are the mock. The quick start is walked through from top to bottom in an empty
folder, as a reader would; every other command runs in a copy of a project that has what pages speak of:
baselines, the last run, parts of a run.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import mock_server
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
WALKED = ROOT / "docs" / "quickstart.md"
BUDGET_S = 60

NOT_RUN = {
    r"python3 -m venv .*": "installs from the network: .ci/run does it",
    r"(\.venv/bin/)?pip install .*": "installs from the network: .ci/run does it",
    r"(vllm|ollama) serve.*|llama-server .*": "needs that server and its model",
    r"pytest --llm-endpoint=local": "fetches a model of 491 MB: tests/e2e does it with a smaller one",
    r"\.venv/bin/pytest.*|tox .*": "is this very suite",
    r"ssh .*|pytest .*--tx=.*": "needs another machine: tests/acceptance/test_elsewhere_workers.py does it",
    r"pytest .* --llm-resume": "needs a run that broke off: tests/acceptance/test_resume.py makes one",
}
"""Commands as whole patterns -> why they are not run here."""

PROGRAMS = r"(?:\w+=\S+ )*(?:\.venv/bin/)?(?:pytest|llmeval|pip|python3?|git|tox|vllm|ollama|llama-server)\b"
URLS = re.compile(r"https?://(?:localhost:(?!9)\d+|gpu-box:\d+|api\.example\.com)(?:/v1)?")
SUITE = """\
scenarios:
- id: add
  category: algorithm
  prompt: {en: "Write add(a, b)."}
- id: greet
  category: chat
  prompt: {ko: "인사해 줘."}
"""
UNGATED = "[policy.output_tps]\ngate = false\n[policy.ttft_s]\ngate = false\n"
"""Commands are tried here, and not how calm this machine is."""
PROBLEM = {
    "task_id": "HumanEval/0",
    "prompt": "def add(a, b):\n",
    "entry_point": "add",
    "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n",
}


FIB = """\
```python
def fib(n):
    first, second = 0, 1
    for _ in range(n):
        first, second = second, first + second
    return first
```
"""


class Shown(NamedTuple):
    """Something of a page that a reader types (``what`` is ``command``) or saves (``toml``)."""

    what: str
    text: str
    line: int


def shown(text: str) -> Iterator[Shown]:
    """What a page shows, in its order. Of ``console`` blocks, which have output, the lines after a ``$``."""
    lines = enumerate(text.splitlines(), 1)
    for number, line in lines:
        if not (fence := re.match(r"( *)```(\w*)", line)):
            if re.match(rf" {{4,}}{PROGRAMS}", line):
                yield Shown("command", command(line), number)
            continue
        block: list[tuple[int, str]] = []
        for inner, content in lines:
            if content.startswith(fence[1] + "```"):
                break
            block.append((inner, content.removeprefix(fence[1])))
        yield from _of_block(fence[2], block)


def _of_block(language: str, block: list[tuple[int, str]]) -> Iterator[Shown]:
    if language == "toml":
        yield Shown("toml", "\n".join(content for _, content in block) + "\n", block[0][0])
    typed = {"bash": r"(?!#)(.+)", "console": r"\$ (.+)", "yaml": r"[ -]*run: (?!\|)(.+)"}.get(language)
    for number, content in block:
        if typed and (found := re.match(typed, content)):
            yield Shown("command", command(found[1]), number)
        elif language not in ("bash", "console"):
            assert not re.match(rf"(?:\$ )?{PROGRAMS} -|\$ ", content), f"{number}: mark the block as bash"


def command(line: str) -> str:
    """Without the comment behind it; the first of a matrix."""
    return re.sub(r"\$\{\{ matrix\.\w+ \}\}", "1", re.sub(r"\s+# .*", "", line)).strip()


def why_not(text: str) -> str | None:
    """The reason why a command is not run."""
    return next((reason for pattern, reason in NOT_RUN.items() if re.fullmatch(pattern, text)), None)


WALK = [one for one in shown(WALKED.read_text(encoding="utf-8")) if not why_not(one.text)]
SINGLE = {
    one.text: f"{page.name}:{one.line}"
    for page in PAGES
    for one in shown(page.read_text(encoding="utf-8"))
    if one.what == "command" and not why_not(one.text) and one not in WALK
}
for _one in WALK:
    SINGLE.pop(_one.text, None)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A mock in place of every server that pages name."""
    with mock_server.running(tokens=12, gap_s=0.004, ttft_s=0.03, flavour="vllm") as url:
        yield url


def run(folder: Path, text: str, server: str, max_time: str = "20s") -> None:
    """In a shell, as it stands there; fails with what it said."""
    mock_server.control(server, models=re.findall(r"--llm-model=(\S+)", text) or ["mock"])
    known = {name: value for name, value in os.environ.items() if not name.startswith("LLMEVAL_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    settings = {"PATH": path, "LLMEVAL_ROUNDS": "1", "LLMEVAL_WARMUP": "0", "LLMEVAL_MAX_TIME": max_time}
    author = {f"GIT_{who}_{what}": "a" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["bash", "-c", URLS.sub(server, text).replace("…", "x")],
        cwd=folder,
        env=known | settings | author | {"VLLM_KEY": "k", "CLOUD_KEY": "k"},
        capture_output=True,
        text=True,
        timeout=BUDGET_S,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, server: str) -> Path:
    """A project of two scenarios with three endpoints, a baseline in git, a run since, and a run in parts."""
    folder = tmp_path_factory.mktemp("prepared")
    names = ("awq", "gptq", "vllm")
    (folder / "llmeval.toml").write_text("".join(f'[endpoints.{name}]\nurl = "{server}"\n' for name in names))
    (folder / "suites").mkdir()
    (folder / "suites" / "coding.eval.yaml").write_text(SUITE, encoding="utf-8")
    for text in (
        "git init -q -b main",
        *(f"pytest -q --llm-endpoint=vllm --llm-shard={n}/2 --llm-json=shard-{n}.json" for n in (1, 2)),
        "pytest -q --llm-endpoint=awq --llm-update-baselines",
        "git add . && git commit -q -m Baselines",
        "pytest -q --llm-endpoint=awq --llm-json=run.json",
    ):
        run(folder, text, server)
    with gzip.open(folder / "HumanEval.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(json.dumps(PROBLEM) + "\n")
    return folder


def test_the_commands_are_found() -> None:
    assert len(WALK) > 10
    assert len(SINGLE) > 10


def test_the_quick_start_from_top_to_bottom(tmp_path: Path, server: str) -> None:
    run(tmp_path, "git init -q", server)
    (tmp_path / "llmeval.toml").write_text(UNGATED)
    for one in WALK:
        if one.what == "toml":
            (tmp_path / "llmeval.toml").write_text(URLS.sub(server, one.text) + UNGATED, encoding="utf-8")
        else:
            run(tmp_path, one.text, server)


def test_the_korean_quick_start_shows_the_same() -> None:
    korean = WALKED.with_name("quickstart.ko.md").read_text(encoding="utf-8")
    english = WALKED.read_text(encoding="utf-8")
    assert [one[:2] for one in shown(korean)] == [one[:2] for one in shown(english)]


@pytest.mark.parametrize("text", [pytest.param(text, id=f"{at}-{text}") for text, at in SINGLE.items()])
def test_the_command_works(text: str, prepared: Path, server: str, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(prepared, folder, symlinks=True)
    run(folder, text, server, max_time="3s")  # of a large suite, what fits


def test_the_tests_in_python_pass(server: str, tmp_path: Path) -> None:
    blocks = {
        block
        for page in PAGES
        for block in re.findall(r"(?ms)^```python\n(.*?)^```", page.read_text(encoding="utf-8"))
        if "def test_" in block
    }
    assert blocks
    for number, block in enumerate(blocks):
        (tmp_path / f"test_{number}.py").write_text(block, encoding="utf-8")
    mock_server.control(server, answers={"fib": FIB})
    run(tmp_path, "pytest --llm-endpoint=http://localhost:8000/v1", server)


def test_every_reason_is_needed() -> None:
    every = [one.text for page in PAGES for one in shown(page.read_text(encoding="utf-8"))]
    for pattern in NOT_RUN:
        assert any(re.fullmatch(pattern, text) for text in every), f"no page shows {pattern}"
