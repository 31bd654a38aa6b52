"""``llmeval fit MODEL``: does it fit, with how much context, for how many streams at once?"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llmeval import runfile
from pytest_llmeval.errors import TelemetryError, UsageError
from pytest_llmeval.measure import fit, shapes
from pytest_llmeval.measure.telemetry import nvml

from . import place

if TYPE_CHECKING:
    from pytest_llmeval.model import Run, Telemetry

EXAMPLE = """\
examples:
  llmeval fit model.gguf                               all of the context it was trained for, on the GPUs here
  llmeval fit Qwen2.5-Coder-7B/ --memory=24GiB --context=32768 --parallel=4
  llmeval fit --weights=15GiB --layers=32 --kv-heads=8 --head-dim=128 --context=8192 --memory=24GiB
  llmeval fit model.gguf --memory=24GiB --run          beside the memory that the last run measured

exit code: 0 it fits (or no memory was named), 1 it does not, 2 wrong usage or an unreadable file
"""

CACHE_TYPES = {
    "f32": 4.0,
    "f16": 2.0,
    "bf16": 2.0,
    "fp8": 1.0,
    "q8_0": 34 / 32,
    "q5_1": 24 / 32,
    "q5_0": 22 / 32,
    "q4_1": 20 / 32,
    "q4_0": 18 / 32,
}
"""Bytes an element; ggml's types hold 32 elements in a block with its scale."""
_UNITS = {"K": 1, "M": 2, "G": 3, "T": 4}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])(iB|B)?)?", re.IGNORECASE)
LAST = "last"


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "fit",
        help="say whether a model and its KV cache fit into a GPU's memory",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "model", nargs="?", type=Path, metavar="MODEL", help="a GGUF file or a model's folder"
    )
    parser.add_argument(
        "--context", type=_count, metavar="N", help="tokens for each stream (default: as trained)"
    )
    parser.add_argument(
        "--parallel", type=_count, metavar="N", default=1, help="streams at once (default: 1)"
    )
    parser.add_argument(
        "--memory", type=_size, metavar="SIZE", help="like 24GiB (default: that of the NVIDIA GPUs here)"
    )
    parser.add_argument(
        "--margin",
        type=_share,
        metavar="SHARE",
        default=fit.MARGIN,
        help=f"of the memory, left for activations and the like (default: {fit.MARGIN:g})",
    )
    parser.add_argument(
        "--cache-type", choices=CACHE_TYPES, default="f16", help="of the KV cache (default: f16)"
    )
    numbers = parser.add_argument_group("in numbers, without MODEL")
    numbers.add_argument(
        "--weights", type=_size, metavar="SIZE", help="also for a folder that holds no weights"
    )
    numbers.add_argument("--layers", type=_count, metavar="N", help="layers that hold keys and values")
    numbers.add_argument("--kv-heads", type=_count, metavar="N", help="key-value heads, not query heads")
    numbers.add_argument("--head-dim", type=_count, metavar="N", help="numbers in a head's key")
    parser.add_argument(
        "--run",
        dest="measured",
        nargs="?",
        type=Path,
        const=Path(LAST),
        metavar="RUN",
        help="show what a run measured beside it (default: the last run)",
    )
    parser.add_argument("--endpoint", metavar="NAME", help="only this endpoint of the run")
    parser.set_defaults(run=_fit)


def _fit(options: argparse.Namespace) -> int:
    shape = _shape(options)
    context = options.context or shape.trained_context
    if context is None:
        raise UsageError(
            "how much context?", where="llmeval fit", hint="the model does not say: --context=8192"
        )
    memory, whose = _memory(options)
    answer = fit.fit(
        shape,
        memory_bytes=memory or 0,
        context=context,
        streams=options.parallel,
        element_bytes=CACHE_TYPES[options.cache_type],
        margin=options.margin,
    )
    streams = "1 stream" if options.parallel == 1 else f"{options.parallel} streams"
    a_token = shape.cache_bytes(1, element_bytes=CACHE_TYPES[options.cache_type])
    _say("weights", _shown(answer.weights_bytes))
    _say(
        "KV cache",
        f"{_shown(answer.cache_bytes)}  {streams} of {context:,} tokens, {a_token:,} bytes a token",
    )
    _say("together", _shown(answer.needed_bytes))
    for note in shape.notes:
        _say("note", note)
    if memory is None:
        _say("memory", whose)
    else:
        usable = f"{_shown(answer.usable_bytes)} of {_shown(memory)}, less a margin of {options.margin:.0%}"
        _say("memory", f"{usable}  {whose}".rstrip())
        _say("fits", _verdict(answer, shape, context, streams))
    if options.measured is not None:
        _say_measured(_run(options.measured), options.endpoint)
    return 0 if memory is None or answer.fits else 1


def _shape(options: argparse.Namespace) -> shapes.Shape:
    numbers = {"--layers": options.layers, "--kv-heads": options.kv_heads, "--head-dim": options.head_dim}
    if options.model is not None:
        given = [name for name, value in numbers.items() if value is not None]
        if given:
            raise UsageError(
                f"{options.model} says that itself: leave out {', '.join(given)}", where="llmeval fit"
            )
        return shapes.read(options.model, weights_bytes=options.weights)
    numbers["--weights"] = options.weights
    missing = [name for name, value in numbers.items() if value is None]
    if missing:
        raise UsageError(
            "which model?",
            hint=f"name a GGUF file or a model's folder, or add {', '.join(missing)}",
        )
    return shapes.uniform(
        weights_bytes=options.weights,
        layers=options.layers,
        kv_heads=options.kv_heads,
        head_dim=options.head_dim,
        trained_context=None,
    )


def _memory(options: argparse.Namespace) -> tuple[int | None, str]:
    """How much there is and whose; None and why it is not known."""
    if options.memory is not None:
        return options.memory, ""
    try:
        gpus = nvml.total_memory_bytes()
    except TelemetryError as error:
        return None, f"not known: {error.what}; say --memory=24GiB"
    return sum(gpus), "the GPU here" if len(gpus) == 1 else f"the {len(gpus)} GPUs here together"


def _verdict(answer: fit.Fit, shape: shapes.Shape, context: int, streams: str) -> str:
    if answer.largest_context == 0:
        return "no: the weights alone take more" if answer.weights_bytes > answer.usable_bytes else "no"
    most = f"the largest context for {streams} is {answer.largest_context:,} tokens"
    if answer.largest_context == shape.trained_context:
        most = f"the {answer.largest_context:,} tokens it was trained for fit, for {streams}"
    if answer.fits and context > answer.largest_context:
        return f"yes, but it was trained for {answer.largest_context:,} tokens only"
    return f"{'yes' if answer.fits else 'no'}; {most}"


def _run(path: Path) -> Run:
    return runfile.load(runfile.last(place.root()) if path == Path(LAST) else path)


def _say_measured(run: Run, endpoint: str | None) -> None:
    if endpoint is not None and endpoint not in run.endpoints:
        known = ", ".join(run.endpoints) or "none"
        raise UsageError(f"the run {run.id} has no endpoint {endpoint}", hint=f"it has: {known}")
    for name in [endpoint] if endpoint else sorted(run.endpoints):
        telemetry = run.telemetry.get(name)
        _say("measured", f"{_peaks(telemetry) if telemetry else 'no telemetry'}  {name}, run {run.id}")


MEASURED = {
    "gpu_memory_used_bytes": "on the GPU",
    "process_memory_bytes": "in the server's processes",
    "model_gpu_memory_bytes": "of the model on the GPU",
}


def _peaks(telemetry: Telemetry) -> str:
    """The peaks of memory; of a GPU's what was used before the server started is taken off."""
    before = telemetry.steps.get("before", {})
    peak = telemetry.peak | telemetry.steps.get("peak", {})
    told = [
        f"{_shown(peak[name] - before.get(name, 0.0))} {where}"
        for name, where in MEASURED.items()
        if name in peak
    ]
    if told:
        return ", ".join(told)
    return f"no memory ({telemetry.absent['gpu']})" if "gpu" in telemetry.absent else "no memory"


def _say(label: str, text: str) -> None:
    print(f"{label:<9} {text}")


def _shown(size: float) -> str:
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"


def _size(text: str) -> int:
    """``24GiB`` and ``24G`` are 24 * 2^30 bytes, ``24GB`` 24 * 10^9; a number alone is bytes."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: 24GiB, 24GB or a number of bytes")
    number, unit, suffix = match.groups()
    base = 1000 if (suffix or "").upper() == "B" else 1024
    return int(float(number) * (base ** _UNITS[unit.upper()] if unit else 1))


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) < 1 << 40:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share: a number from 0 to below 1")
    return share
