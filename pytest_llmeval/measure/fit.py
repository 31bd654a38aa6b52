"""Does a model fit? Weights and KV cache against a device's memory: arithmetic, and the readers of its input.

A token's KV cache holds a key and a value of each layer for each *key-value* head (grouped-query attention
has fewer of them than query heads): ``layers * kv_heads * (key_dim + value_dim) * bytes``. Layers with a
sliding window keep no more tokens than the window (read from ``config.json``; a GGUF file counts as if it had
none). Multi-head latent attention (DeepSeek) keeps one compressed vector for each layer instead.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct

from pytest_llmeval.errors import UsageError

from . import gguf

if TYPE_CHECKING:
    from pathlib import Path

MARGIN = 0.1
"""The share of the memory left for activations, graphs and fragments: vLLM's own default uses 0.9 as well."""

_FULL = 1 << 62
"""The window of a layer that has none."""
_MOST_LAYERS = 10_000


class Shape(Struct, frozen=True, kw_only=True):
    """What the arithmetic needs of a model. ``elements``: what each layer keeps of one token.

    ``windows``: how many tokens each layer keeps at most, in the same order. ``trained_context`` in tokens.
    """

    weights_bytes: int
    elements: tuple[int, ...]
    windows: tuple[int, ...]
    trained_context: int | None = None

    def cache_bytes(self, context: int, *, streams: int = 1, element_bytes: float = 2.0) -> int:
        """The KV cache of ``streams`` streams of ``context`` tokens; 2 bytes an element are fp16 or bf16."""
        kept = sum(
            count * min(context, window) for count, window in zip(self.elements, self.windows, strict=True)
        )
        return round(kept * streams * element_bytes)


class Fit(Struct, frozen=True, kw_only=True):
    """The answer. ``usable_bytes`` is the memory less the margin.

    ``largest_context``: tokens for each stream that still fit; 0 where the weights alone do not.
    """

    weights_bytes: int
    cache_bytes: int
    usable_bytes: int
    largest_context: int

    @property
    def needed_bytes(self) -> int:
        """Weights and cache."""
        return self.weights_bytes + self.cache_bytes

    @property
    def fits(self) -> bool:
        """Whether it does."""
        return self.needed_bytes <= self.usable_bytes


def fit(
    shape: Shape,
    *,
    memory_bytes: int,
    context: int,
    streams: int = 1,
    element_bytes: float = 2.0,
    margin: float = MARGIN,
) -> Fit:
    """Hold a model with ``streams`` streams of ``context`` tokens against a memory."""
    usable = int(memory_bytes * (1 - margin))

    def cache(tokens: int) -> int:
        return shape.cache_bytes(tokens, streams=streams, element_bytes=element_bytes)

    low, high = 0, shape.trained_context or max(context, 1 << 24)
    while low < high:  # the largest context whose cache fits: the cache grows with the context
        middle = (low + high + 1) // 2
        if shape.weights_bytes + cache(middle) <= usable:
            low = middle
        else:
            high = middle - 1
    return Fit(
        weights_bytes=shape.weights_bytes,
        cache_bytes=cache(context),
        usable_bytes=usable,
        largest_context=low,
    )


def uniform(
    *, weights_bytes: int, layers: int, kv_heads: int, head_dim: int, trained_context: int | None = None
) -> Shape:
    """A model given by numbers: every layer the same, no sliding window."""
    return Shape(
        weights_bytes=weights_bytes,
        elements=(2 * kv_heads * head_dim,) * layers,
        windows=(_FULL,) * layers,
        trained_context=trained_context,
    )


def read(path: Path) -> Shape:
    """The shape of a GGUF file, or of a model's folder with its ``config.json``. Raises ``UsageError``."""
    return _of_folder(path) if path.is_dir() else _of_gguf(path)


# -- GGUF --------------------------------------------------------------------------------------------------


def _of_gguf(path: Path) -> Shape:
    found = gguf.metadata(path)
    architecture = found.get("general.architecture")
    if not isinstance(architecture, str):
        raise UsageError("the file does not say general.architecture", where=str(path))

    def number(key: str, default: int | None = None) -> int:
        value = found.get(f"{architecture}.{key}", default)
        if not isinstance(value, int):
            raise UsageError(f"the file does not say {architecture}.{key}", where=str(path))
        return value

    layers = number("block_count")
    if not 1 <= layers <= _MOST_LAYERS:
        raise UsageError(f"{layers} is no number of layers", where=str(path))
    heads = _per_layer(found.get(f"{architecture}.attention.head_count"), layers)
    kv_heads = _per_layer(found.get(f"{architecture}.attention.head_count_kv"), layers) or heads
    if heads is None or kv_heads is None:
        raise UsageError("the file does not say how many attention heads there are", where=str(path))
    head_dim = number("embedding_length") // max(1, *heads)
    dims = number("attention.key_length", head_dim) + number("attention.value_length", head_dim)
    return Shape(
        weights_bytes=path.stat().st_size,
        elements=tuple(count * dims for count in kv_heads),
        windows=(_FULL,) * layers,
        trained_context=number("context_length"),
    )


def _per_layer(value: gguf.Value | None, layers: int) -> list[int] | None:
    """A number for all layers or a list with one for each."""
    if isinstance(value, int):
        return [value] * layers
    if isinstance(value, list) and len(value) == layers:
        return [count for count in value if isinstance(count, int)]
    return None


# -- config.json -------------------------------------------------------------------------------------------


class _Config(Struct):
    """The fields of transformers' ``config.json`` that decide the KV cache."""

    num_hidden_layers: Annotated[int, Meta(ge=1, le=_MOST_LAYERS)]
    num_attention_heads: Annotated[int, Meta(ge=1)]
    hidden_size: int
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    max_position_embeddings: int | None = None
    sliding_window: int | None = None
    use_sliding_window: bool | None = None
    layer_types: list[str] | None = None
    kv_lora_rank: int | None = None
    qk_rope_head_dim: int | None = None


def _of_folder(folder: Path) -> Shape:
    path = folder / "config.json"
    try:
        data: Any = json.loads(path.read_bytes())
        if isinstance(data, dict) and isinstance(data.get("text_config"), dict):  # a model of several modes
            data = data["text_config"]
        config = msgspec.convert(data, _Config)
    except OSError as error:
        raise UsageError(f"it can't be read: {error.strerror or error}", where=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"it does not describe a model: {error}", where=str(path)) from error
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    if not weights:
        raise UsageError("there are no *.safetensors files beside config.json", where=str(folder))
    layers = config.num_hidden_layers
    return Shape(
        weights_bytes=weights,
        elements=(_elements(config),) * layers,
        windows=_windows(config),
        trained_context=config.max_position_embeddings,
    )


def _elements(config: _Config) -> int:
    if config.kv_lora_rank is not None:
        return config.kv_lora_rank + (config.qk_rope_head_dim or 0)
    head_dim = config.head_dim or config.hidden_size // config.num_attention_heads
    return 2 * (config.num_key_value_heads or config.num_attention_heads) * head_dim


def _windows(config: _Config) -> tuple[int, ...]:
    layers = config.num_hidden_layers
    window = config.sliding_window
    if window is None or config.use_sliding_window is False:
        return (_FULL,) * layers
    if config.layer_types is not None and len(config.layer_types) == layers:
        return tuple(window if kind == "sliding_attention" else _FULL for kind in config.layer_types)
    return (window,) * layers
