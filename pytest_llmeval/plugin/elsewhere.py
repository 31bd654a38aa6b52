"""Workers of pytest-xdist that are elsewhere: on another machine, or in a folder of their own on this one.

They have no disk in common with the controller, so it takes their turns for them, keeps what it alone can
keep, and makes sure that they would ask the same questions and score answers alike.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import httpx
import pytest

from pytest_llmeval import __version__, wire
from pytest_llmeval.errors import EndpointError
from pytest_llmeval.measure.route import is_loopback
from pytest_llmeval.score.analyser import Analyser

from . import exclusive, resume
from .hosting import is_ours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from execnet import XSpec

    from pytest_llmeval.model import Endpoint
    from pytest_llmeval.settings import Settings

    from .context import Context

KEPT_HERE = {"max_cost": "--llm-max-cost", "record": "--llm-record"}
"""Settings that need a disk which all workers share."""


def is_elsewhere(spec: XSpec) -> bool:
    """Whether a worker shares neither this machine nor this folder for certain."""
    return not spec.popen or bool(spec.chdir or spec.via)


def is_on_another_machine(spec: XSpec) -> bool:
    """Whether 127.0.0.1 is another machine to it, as far as its specification tells."""
    host = (spec.socket or "").rpartition(":")[0]
    return bool(
        spec.ssh or spec.vagrant_ssh or (host and not is_loopback(httpx.URL(scheme="http", host=host)))
    )


def stays_here(endpoint: Endpoint) -> bool:
    """Whether only this machine can ask it: a server of ours, a loopback address, a file or folder."""
    if is_ours(endpoint) or endpoint.path is not None:
        return True
    return endpoint.url is not None and is_loopback(httpx.URL(endpoint.url))


def pinned(settings: Settings) -> list[str]:
    """The endpoints whose cells only this machine can ask, by name; a reference is asked in each."""
    reference = settings.endpoint(settings.reference) if settings.reference is not None else None
    every = reference is not None and stays_here(reference)
    return [one.name for one in settings.candidates if every or stays_here(one)]


def refuse_impossible(settings: Settings, specs: Sequence[XSpec], *, reruns: bool) -> None:
    """Before the first worker elsewhere starts. Raises ``pytest.UsageError``.

    ``reruns``: whether pytest-rerunfailures is there, whose workers look for their controller at 127.0.0.1.
    """
    if reruns and any(map(is_on_another_machine, specs)):
        raise pytest.UsageError(
            "pytest-rerunfailures does not reach its controller from another machine (--tx), and would end "
            "every worker there\n  -> add -p no:rerunfailures"
        )
    for name, option in KEPT_HERE.items():
        if getattr(settings, name) is not None:
            raise pytest.UsageError(
                f"{option} can't be kept by workers elsewhere (--tx): leave one of them out"
            )
    kept = pinned(settings)
    if kept and all(map(is_elsewhere, specs)):
        raise pytest.UsageError(
            f"only this machine can ask {', '.join(kept)}, and every worker is elsewhere: add --tx=popen"
        )


def refuse_pinned(endpoint: Endpoint) -> None:
    """In a worker elsewhere: its own machine's server would answer. Raises ``EndpointError``."""
    if stays_here(endpoint):
        raise EndpointError(
            "only the controller's machine can ask it, and this worker is elsewhere",
            where=endpoint.name,
            hint="leave --dist at load, which keeps its cells there",
        )


# -- the same questions ------------------------------------------------------------------------------------


def identity(here: Context, items: Sequence[pytest.Item]) -> dict[str, str]:
    """What a worker would ask, and how it would score: name -> hash or version."""
    questions = hashlib.sha256()
    for item in items:
        if exclusive.endpoint_of(item) is not None:
            questions.update(repr((item.nodeid, resume.identity_of(item, here))).encode())
    analysers = wire.plain(Analyser.versions())
    return {
        "pytest-llmeval-suite": __version__,
        **{name: str(version) for name, version in analysers.items()},
        "the scenarios and tests": questions.hexdigest(),
    }


def tell(here: Context, items: Sequence[pytest.Item]) -> None:
    """A worker says what it would ask: its files are its own."""
    here.remote_desk.tell_collected(identity(here, items))


def refuse_unlike(collected: Sequence[dict[str, str]]) -> None:
    """Raises ``pytest.UsageError`` where a worker would ask or score otherwise than the first that told."""
    for other in collected[1:]:
        unlike = [name for name, value in other.items() if collected[0].get(name) != value]
        if unlike:
            raise pytest.UsageError(
                f"workers don't agree on {', '.join(unlike)}: they would not be one run\n"
                "  -> give every machine the same commit and the same packages"
            )
