"""A workflow for GitHub Actions: the gate of pull requests, of GitHub's own actions only, each pinned."""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_llmeval.measure import weights

if TYPE_CHECKING:
    from pytest_llmeval.model import Endpoint

PATH = Path(".github/workflows/llmeval.yml")
_TEXT = """\
# The gate of pull requests, as `llmeval init` wrote it; the documentation's page on CI explains its parts.
name: llmeval
on:
  pull_request:
  workflow_dispatch:
permissions:
  contents: read
concurrency:
  group: llmeval-${{{{ github.ref }}}}
  cancel-in-progress: true
jobs:
  gate:
{condition}    runs-on: {machine}
    timeout-minutes: 60
    steps:
    - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
      with:
        persist-credentials: false
    - uses: actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0
      with:
        python-version: "{python}"   # scores belong to the Python that made them: that of your baselines
{cache}    - run: pip install {package}
    - run: pytest {endpoint} --llm-max-time=30m
{key}    - uses: actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f # v7.0.0
      if: always()
      with:
        name: llmeval
        path: .llmeval/runs
        include-hidden-files: true
"""
_NO_FORKS = """\
    # Not for pull requests of forks: they get no secrets, and no machine of yours.
    if: >-
      github.event_name != 'pull_request' ||
      github.event.pull_request.head.repo.full_name == github.repository
"""
_CACHE = """\
    - uses: actions/cache@27d5ce7f107fe9357f9df03efb73ab90386fccae # v5.0.5
      with:
        path: ~/.cache/pytest-llmeval/models
        key: llmeval-{key}
"""
_KEY = """\
      env:
        {name}: ${{{{ secrets.{name} }}}}
"""


def text(endpoint: Endpoint) -> str:
    """The workflow that asks this endpoint, which the project file has."""
    is_local = endpoint.kind == "local"
    source = weights.resolve(endpoint.model or "").source if is_local and not endpoint.path else None
    return _TEXT.format(
        condition=_NO_FORKS if is_own_machine(endpoint) or wants_key(endpoint) else "",
        machine="self-hosted" if is_own_machine(endpoint) else "ubuntu-latest",
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        cache=_CACHE.format(key=source.sha256[:16]) if source else "",
        package="'pytest-llmeval-suite[local]'" if is_local else "pytest-llmeval-suite",
        endpoint=f"--llm-endpoint={endpoint.name}",
        key=_KEY.format(name=endpoint.api_key_env) if wants_key(endpoint) else "",
    )


def wants_key(endpoint: Endpoint) -> bool:
    """Whether a key may be needed: by a URL of the public network."""
    return endpoint.api_key_env is not None and not is_own_machine(endpoint)


def is_own_machine(endpoint: Endpoint) -> bool:
    """Whether only a machine of the user's own reaches the endpoint: nothing that GitHub's machines can."""
    if endpoint.path is not None:
        return Path(endpoint.path).is_absolute()
    host = urlsplit(endpoint.url or "").hostname
    if host is None:
        return False
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".lan"))
