"""``llmeval weights``: which weights ``local`` endpoints need, and whether they are here."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llmeval import project, specs
from pytest_llmeval.language import _
from pytest_llmeval.measure import weights
from pytest_llmeval.optiontable import OPTIONS

from . import place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmeval.measure.weights import Weights

EXAMPLE = """\
examples:
  llmeval weights                                  those of the local endpoints of llmeval.toml
  llmeval weights local:smollm2 --fetch            fetch them now, not in the first run
  llmeval weights --cache >> "$GITHUB_OUTPUT"      key and path for a cache between the jobs of a CI

exit code: 0 told or fetched, 2 wrong usage, or weights that could not be fetched
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "weights",
        help="say which weights local endpoints need, or fetch them",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "endpoints",
        nargs="*",
        metavar="SPEC",
        help="as for pytest --llm-endpoint (default: every endpoint of llmeval.toml)",
    )
    parser.add_argument("--fetch", action="store_true", help="fetch what is not here")
    parser.add_argument(
        "--cache", action="store_true", help="print key= and path= for a cache; nothing where all is here"
    )
    parser.set_defaults(run=_weights)


def _weights(options: argparse.Namespace) -> int:
    from rich.cells import set_cell_size  # Hangul takes two columns

    needed = _needed(options.endpoints)
    if options.cache:
        for name, value in _cache(needed):
            print(f"{name}={value}")
        return 0
    if not needed:
        print(_("no local endpoint needs weights to be fetched"))
    for one in needed:
        assert one.source is not None
        if options.fetch and not one.here:
            with weights.progress_bar(one.name) as on_progress:
                weights.fetch(one, on_progress)
        state = _("here") if one.here else _("not fetched yet")
        size = f"{one.source.size_bytes / 1e6:>6,.0f} MB"
        print(f"{one.name:<10} {size}   {set_cell_size(state, 17)} {one.path}")
    return 0


def _needed(texts: Sequence[str]) -> list[Weights]:
    """The named weights of local endpoints, each once; files of the user's own are not ours to fetch."""
    kinds = {option.name: option.kind for option in OPTIONS if option.in_file}
    configured = project.read(place.root(), kinds).endpoints
    wanted = list(texts) or (["all"] if configured else [])
    chosen = specs.select(wanted, configured, cwd=Path.cwd(), where="SPEC")
    local = [endpoint for endpoint in chosen if endpoint.kind == "local"]
    found = [weights.resolve(endpoint.path or endpoint.model or "") for endpoint in local]
    return list({one.name: one for one in found if one.source is not None}.values())


def _cache(needed: Sequence[Weights]) -> list[tuple[str, str]]:
    """A key that names the bytes in the cache, so that it never has to be thrown away, and its folder.

    A machine that keeps its disk needs none.
    """
    if all(one.here for one in needed):
        return []
    hashes = sorted(one.source.sha256 for one in needed if one.source is not None)
    key = hashlib.sha256("".join(hashes).encode()).hexdigest()[:16]
    return [("key", f"llmeval-weights-{sys.platform}-{key}"), ("path", str(weights.cache_folder()))]
