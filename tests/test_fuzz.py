"""What reads what others wrote, fuzzed for a moment; for minutes: ``benchmarks/fuzz.py``."""

from __future__ import annotations

from pathlib import Path
from random import Random

import fuzz_commands
import fuzz_projects
import pytest
from fuzz_mutations import seeds
from fuzz_targets import TARGETS

from pytest_llmeval import runfile, scenarios, settings
from pytest_llmeval.judge import baselines
from pytest_llmeval.measure import shapes

SEEDS = Path(fuzz_commands.__file__).parent / "fuzz_seeds"


@pytest.mark.parametrize("name", TARGETS)
def test_it_is_read_or_refused(name: str) -> None:
    target = TARGETS[name]
    for seed in range(40):
        target.check(target.make(Random(seed)))


def test_what_is_altered_was_right_before(tmp_path: Path) -> None:
    """Else nothing but its refusal would be tried."""
    assert [bool(runfile.load(path).cells) for path in SEEDS.glob("run-*")] == [True] * 2
    assert [bool(baselines.read(path.read_bytes(), path).epochs) for path in SEEDS.glob("baseline-*")] == [
        True
    ]
    assert [bool(scenarios.load(path).scenarios) for path in SEEDS.glob("yaml-*")] == [True] * 2
    (tmp_path / "model.gguf").write_bytes(seeds("gguf")[0])
    assert shapes.read(tmp_path / "model.gguf").cache_bytes(1)
    for text in (fuzz_projects.toml(fuzz_projects.PROJECT), seeds("toml")[0].decode()):
        (tmp_path / "llmeval.toml").write_text(text)
        known = settings.resolve({"endpoint": ["all"]}, environ={"KEY": "sk-12345678"}, rootdir=tmp_path)
        assert known.endpoints
