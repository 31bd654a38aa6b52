"""The shape of a model: its weights, and what each layer keeps of a token; in numbers, or read from files.

A token's KV cache holds a key and a value of each layer for each *key-value* head (grouped-query attention
has fewer of them than query heads): ``layers * kv_heads * (key_dim + value_dim) * bytes``. Layers with a
sliding window keep no more tokens than the window. Multi-head latent attention (DeepSeek-V2, arXiv
2405.04434) keeps one compressed vector for each layer instead. What a file does not say clearly enough is
counted as the most it can be, and ``Shape.notes`` says so.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct

from pytest_llmeval.errors import UsageError

from . import gguf

if TYPE_CHECKING:
    from pathlib import Path

_FULL = 1 << 62
"""The window of a layer that has none."""
_MOST_LAYERS = 10_000


class Shape(Struct, frozen=True, kw_only=True):
    """What the arithmetic needs of a model. ``elements``: what each layer keeps of one token.

    ``windows``: how many tokens each layer keeps at most, in the same order. ``trained_context`` in tokens.
    ``notes``: what the arithmetic leaves out for this model, one line each.
    """

    weights_bytes: int
    elements: tuple[int, ...]
    windows: tuple[int, ...]
    trained_context: int | None = None
    notes: tuple[str, ...] = ()

    def cache_bytes(self, context: int, *, streams: int = 1, element_bytes: float = 2.0) -> int:
        """The KV cache of ``streams`` streams of ``context`` tokens; 2 bytes an element are fp16 or bf16."""
        kept = sum(
            count * min(context, window) for count, window in zip(self.elements, self.windows, strict=True)
        )
        return round(kept * streams * element_bytes)


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


def read(path: Path, *, weights_bytes: int | None = None) -> Shape:
    """The shape of a GGUF file, or of a model's folder with its ``config.json``. Raises ``UsageError``.

    ``weights_bytes`` is for a folder that holds no weights.
    """
    return _of_folder(path, weights_bytes) if path.is_dir() else _of_gguf(path)


_WINDOW = "some layers may keep only a window of tokens: counted in full, the real cache may be smaller"
_LATENT = "latent attention: counted compressed, as vLLM keeps it; older engines keep every head in full"


# -- GGUF --------------------------------------------------------------------------------------------------

_PART = re.compile(r"(.*-)(\d{5})-of-(\d{5})\.gguf")
"""A model in several files; the first holds the metadata (llama.cpp's ``gguf-split``)."""


def _of_gguf(path: Path) -> Shape:
    parts = _parts(path)
    heads_of_parts = [gguf.read(part) for part in parts]
    found = heads_of_parts[0].metadata
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
    elements = tuple(count * dims for count in kv_heads)
    notes = []
    if latent := number("attention.kv_lora_rank", 0):
        elements = (latent + number("rope.dimension_count", 0),) * layers
        notes.append(_LATENT)
    if number("attention.sliding_window", 0):
        notes.append(_WINDOW)
    if any(key.startswith(f"{architecture}.ssm.") for key in found):
        notes.append("layers without attention may be counted as if they had it, and not with their state")
    return Shape(
        weights_bytes=sum(head.tensors_bytes for head in heads_of_parts),
        elements=elements,
        windows=(_FULL,) * layers,
        trained_context=number("context_length"),
        notes=tuple(notes),
    )


def _parts(path: Path) -> list[Path]:
    name = _PART.fullmatch(path.name)
    if name is None:
        return [path]
    stem, _, count = name.groups()
    parts = [path.with_name(f"{stem}{part:05}-of-{count}.gguf") for part in range(1, int(count) + 1)]
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise UsageError(f"{len(missing)} of its {count} parts are missing: {missing[0]}", where=str(path))
    return parts


def _per_layer(value: gguf.Value | None, layers: int) -> list[int] | None:
    """A number for all layers or a list with one for each."""
    if isinstance(value, int):
        return [value] * layers
    if isinstance(value, list) and len(value) == layers:
        return [count for count in value if isinstance(count, int)]
    return None


# -- config.json -------------------------------------------------------------------------------------------

_OTHER_NAMES = {
    "num_hidden_layers": ("n_layer", "n_layers", "num_layers"),
    "num_attention_heads": ("n_head", "n_heads"),
    "num_key_value_heads": ("num_kv_heads", "n_head_kv", "multi_query_group_num"),
    "hidden_size": ("n_embd", "d_model"),
    "max_position_embeddings": ("n_positions", "max_seq_len", "seq_length"),
}
"""What models before Llama call them."""


class _Config(Struct):
    """The fields of transformers' ``config.json`` that decide the KV cache."""

    num_hidden_layers: Annotated[int, Meta(ge=1, le=_MOST_LAYERS)]
    num_attention_heads: Annotated[int, Meta(ge=1)]
    hidden_size: Annotated[int, Meta(ge=1)]
    num_key_value_heads: Annotated[int, Meta(ge=1)] | None = None
    multi_query: bool | None = None
    new_decoder_architecture: bool | None = None
    head_dim: Annotated[int, Meta(ge=1)] | None = None
    max_position_embeddings: Annotated[int, Meta(ge=1)] | None = None
    sliding_window: Annotated[int, Meta(ge=1)] | None = None
    use_sliding_window: bool | None = None
    layer_types: list[str] | None = None
    kv_lora_rank: Annotated[int, Meta(ge=1)] | None = None
    qk_rope_head_dim: Annotated[int, Meta(ge=0)] | None = None


def _of_folder(folder: Path, weights_bytes: int | None) -> Shape:
    path = folder / "config.json"
    try:
        config = msgspec.convert(_named(json.loads(path.read_bytes())), _Config)
    except OSError as error:
        raise UsageError(f"it can't be read: {error.strerror or error}", where=str(path)) from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UsageError(f"it does not describe a model: {error}", where=str(path)) from error
    kinds = config.layer_types or []
    window = _FULL if config.use_sliding_window is False else config.sliding_window or _FULL
    notes = [] if config.kv_lora_rank is None else [_LATENT]
    if len(kinds) != config.num_hidden_layers:
        kinds = ["full_attention"] * config.num_hidden_layers
        notes += [_WINDOW] if window != _FULL else []
    if any(not _attends(kind) for kind in kinds):
        notes.append("layers without attention keep a state of their own, which is not counted")
    each = _elements(config)
    return Shape(
        weights_bytes=_weights_of(folder) if weights_bytes is None else weights_bytes,
        elements=tuple(each if _attends(kind) else 0 for kind in kinds),
        windows=tuple(window if kind == "sliding_attention" else _FULL for kind in kinds),
        trained_context=config.max_position_embeddings,
        notes=tuple(notes),
    )


def _named(data: Any) -> Any:
    """The part that describes the language model, under today's names."""
    if isinstance(data, dict) and isinstance(data.get("text_config"), dict):  # a model of several modes
        data = data["text_config"]
    if not isinstance(data, dict):
        return data
    for name, others in _OTHER_NAMES.items():
        other = next((other for other in others if other in data), None)
        if data.get(name) is None and other is not None:
            data = {**data, name: data[other]}
    return data


def _attends(kind: str) -> bool:
    return kind.endswith("attention") and kind != "linear_attention"


def _elements(config: _Config) -> int:
    if config.kv_lora_rank is not None:
        return config.kv_lora_rank + (config.qk_rope_head_dim or 0)
    head_dim = config.head_dim or config.hidden_size // config.num_attention_heads
    if config.multi_query and not config.new_decoder_architecture:
        return 2 * head_dim  # whatever else is written: Falcon 7B says 71 heads
    return 2 * (config.num_key_value_heads or config.num_attention_heads) * head_dim


def _weights_of(folder: Path) -> int:
    """The size of the weights: of the files that the index names, where there is one.

    Folders may hold the same weights twice (Mistral's ``consolidated.safetensors`` beside the shards).
    """
    index = folder / "model.safetensors.index.json"
    names = {file.name for file in folder.glob("*.safetensors")}
    if index.is_file():
        try:
            names = set(json.loads(index.read_bytes())["weight_map"].values())
            return sum((folder / name).stat().st_size for name in names)
        except OSError as error:
            raise UsageError(f"weights are missing: {error.filename}", where=str(index)) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError("it is no index of weights", where=str(index)) from error
    if "model.safetensors" in names:
        names = {"model.safetensors"}
    if not names:
        raise UsageError(
            "there are no *.safetensors files beside config.json",
            where=str(folder),
            hint="say how large the weights are: --weights=15GiB",
        )
    return sum((folder / name).stat().st_size for name in names)
