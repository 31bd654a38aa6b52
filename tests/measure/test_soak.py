"""Every fault among good answers, some hundred times in one process; thousands: ``benchmarks/soak.py``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import fault_server
import mock_server
import pytest
import soak


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory and files are read from /proc")
def test_nothing_leaks_and_nothing_is_harmed() -> None:
    files = soak.open_files()
    with (
        mock_server.running(tokens=10, gap_s=0.001, ttft_s=0.01) as good,
        fault_server.running() as faulty,
    ):
        at_start = soak.open_files()
        figures = asyncio.run(soak.soak(good, faulty, 300, block=50))
        assert soak.open_files() == at_start
    assert soak.open_files() == files
    assert sum(figures.outcomes.values()) == 300
    assert figures.outcomes["good"] == 200
    assert not figures.unexpected
    assert max(figures.rss_mib) < figures.rss_mib[0] + 100
