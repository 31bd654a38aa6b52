"""What reads what others wrote, fuzzed for a moment; for minutes: ``benchmarks/fuzz.py``."""

from __future__ import annotations

from typing import Any

import pytest
from fuzz_targets import TARGETS
from hypothesis import HealthCheck, given, settings


@pytest.mark.parametrize("name", TARGETS)
def test_it_is_read_or_refused(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(target.strategy)
    def check(data: Any) -> None:
        target.check(data)

    check()
