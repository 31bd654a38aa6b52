"""What reads what others wrote, fuzzed for a moment; for minutes: ``benchmarks/fuzz.py``."""

from __future__ import annotations

from random import Random

import pytest
from fuzz_targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_it_is_read_or_refused(name: str) -> None:
    target = TARGETS[name]
    for seed in range(40):
        target.check(target.make(Random(seed)))
