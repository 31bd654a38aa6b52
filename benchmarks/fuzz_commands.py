"""What ``llmeval`` makes of files that almost fit: an answer, or one sentence of refusal.

Each example is one command in a project of two runs, a baseline, models and problems. What a command wrote
can be read again.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock

from fuzz_mutations import altered, any_of, document, mutated, seeds

from pytest_llmeval import cli, runfile
from pytest_llmeval.errors import BaselineError
from pytest_llmeval.judge import baselines
from pytest_llmeval.judge.sessions import Baseline
from pytest_llmeval.model import Run

if TYPE_CHECKING:
    from random import Random

RUN, BASELINE = altered(document("run", Run)), altered(document("baseline", Baseline))
_ANSWER = {"endpoint": "a", "cell": "mine/add/en", "round": 0, "text": "```python\n1\n```", "reasoning": ""}
_CONFIG = {
    "text_config": {"n_layer": 2, "num_attention_heads": 4, "hidden_size": 64, "sliding_window": 8},
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_size": 64,
    "max_position_embeddings": 2048,
    "layer_types": ["full_attention", "sliding_attention"],
    "kv_lora_rank": 4,
    "qk_rope_head_dim": 2,
}
_INDEX = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
_PROBLEM = {
    "task_id": "T/0",
    "entry_point": "f",
    "prompt": "def f(a):\n",
    "canonical_solution": "    return a\n",
    "test": "def check(candidate):\n    assert candidate(1) == 1\n",
}
FILES = {
    "one.json": RUN,
    "two.json": RUN,
    "answers.jsonl": any_of(_ANSWER),
    "baselines/a.json": BASELINE,
    "model.gguf": mutated(seeds("gguf")),
    "model/config.json": any_of(_CONFIG, _CONFIG["text_config"]),
    "model/model.safetensors.index.json": any_of(_INDEX),
    "problems.jsonl": any_of(_PROBLEM),
}
COMMANDS = (
    "judge one.json",
    "judge --fail-inconclusive one.json",
    "judge one.json two.json",
    "merge one.json two.json -o out.json",
    "compare one.json",
    "compare --markdown one.json two.json",
    "comment --print one.json",
    "report one.json",
    "report one.json two.json",
    "fit --layers=2 --kv-heads=2 --head-dim=64 --weights=1GiB --context=2048 --run=one.json",
    "fit model.gguf --memory=24GiB",
    "fit model --memory=24GiB --parallel=4",
    "suite list problems.jsonl",
    "baseline show",
    "baseline update --run=one.json",
    "baseline update --force --run=one.json",
    "baseline accept --run=one.json a",
    "baseline prune --run=one.json a",
)
_SHOWN = {"\n", "\u200b"}
"""What a command may print though no sign is seen: in Markdown names are parted by the second."""


class Case(NamedTuple):
    """A command, the language in which it tells, and the project's files."""

    command: str
    language: str
    files: dict[str, bytes]


def make(chance: Random) -> Case:
    """One example."""
    command = chance.choice(COMMANDS)
    language = chance.choice(("en", "ko"))
    return Case(command, language, {name: content(chance) for name, content in FILES.items()})


def check(case: Case) -> None:
    """It ends in an exit code of its own, prints nothing but text, and what it wrote can be read."""
    with tempfile.TemporaryDirectory(prefix="llmeval-fuzz-") as name, contextlib.chdir(name):
        folder = Path(name)
        for inside in (".llmeval", "baselines", "model"):
            (folder / inside).mkdir()
        for file, content in case.files.items():
            (folder / file).write_bytes(content)
        was_read = _is_read(folder / "baselines")
        code, said = _run([f"--report-language={case.language}", *case.command.split()])
        assert code in (0, 1, 2), code
        strange = {sign for sign in said if not sign.isprintable()} - _SHOWN
        assert not strange, f"{strange} in {said}"
        said.encode()
        if (folder / "out.json").exists():
            runfile.load(folder / "out.json")
        assert _is_read(folder / "baselines") == was_read


def _is_read(folder: Path) -> bool:
    try:
        baselines.load_all(folder)
    except BaselineError:
        return False
    return True


def _run(arguments: list[str]) -> tuple[int, str]:
    """Exit code, and what it printed."""
    said = io.StringIO()
    theirs = ("LLMEVAL_", "GITHUB_", "FORCE_COLOR")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    with (
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
        mock.patch.dict(os.environ, environ, clear=True),
    ):
        code = cli.main(arguments)
    return code, said.getvalue()
