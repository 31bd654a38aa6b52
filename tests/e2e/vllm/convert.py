"""A Qwen2 model in a GGUF file -> a folder in Hugging Face's format, which vLLM serves on a CPU.

usage: python convert.py FILE.gguf FOLDER    (needs gguf, safetensors, tokenizers and torch)

The weights are those of the file, dequantised and rounded to bfloat16; the vocabulary, its merges and the
chat template are the file's own. What GGUF does not hold, Qwen2's way of splitting text, is written here as
its tokenizer publishes it.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader
from gguf.quants import dequantize
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

_OUTSIDE_LAYERS = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
}
_IN_A_LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_TENSOR = re.compile(r"(?:blk\.(?P<layer>\d+)\.)?(?P<name>\w+)\.(?P<part>weight|bias)")
_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_CONTROL = 3
"""The token type of GGUF for tokens that stand for no text: ``<|im_start|>`` and its like."""


class Source:
    """One GGUF file and its keys."""

    def __init__(self, path: Path) -> None:
        self.reader = GGUFReader(path)
        architecture = self.key("general.architecture")
        if architecture != "qwen2":
            sys.exit(f"{path}: only the architecture qwen2 is converted, this is {architecture}")

    def key(self, name: str) -> Any:
        """The value of a key that must be there."""
        field = self.reader.fields.get(name)
        if field is None:
            sys.exit(f"the GGUF file lacks the key {name}")
        return field.contents()

    def model(self, name: str) -> Any:
        """A key of the architecture."""
        return self.key(f"qwen2.{name}")

    def vocabulary(self, name: str) -> Any:
        """A key of the tokenizer."""
        return self.key(f"tokenizer.ggml.{name}")


def tensors(source: Source) -> dict[str, torch.Tensor]:
    """Every tensor by its name in ``transformers``, in bfloat16."""
    found = {}
    for tensor in source.reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type)
        plain = torch.from_numpy(np.array(values, dtype=np.float32))
        found[_name(tensor.name)] = plain.to(torch.bfloat16)
    return found


def _name(name: str) -> str:
    match = _TENSOR.fullmatch(name)
    known = _OUTSIDE_LAYERS if match and match["layer"] is None else _IN_A_LAYER
    if match is None or match["name"] not in known:
        sys.exit(f"the tensor {name} is not one of Qwen2's")
    layer = "" if match["layer"] is None else f"model.layers.{match['layer']}."
    return f"{layer}{known[match['name']]}.{match['part']}"


def config(source: Source, *, tied: bool) -> dict[str, Any]:
    """``config.json``. ``tied``: the output layer is the embedding."""
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_act": "silu",
        "hidden_size": source.model("embedding_length"),
        "intermediate_size": source.model("feed_forward_length"),
        "num_hidden_layers": source.model("block_count"),
        "num_attention_heads": source.model("attention.head_count"),
        "num_key_value_heads": source.model("attention.head_count_kv"),
        "max_position_embeddings": source.model("context_length"),
        "rms_norm_eps": source.model("attention.layer_norm_rms_epsilon"),
        "rope_theta": source.model("rope.freq_base"),
        "vocab_size": len(source.vocabulary("tokens")),
        "tie_word_embeddings": tied,
        "bos_token_id": source.vocabulary("bos_token_id"),
        "eos_token_id": source.vocabulary("eos_token_id"),
        "dtype": "bfloat16",
    }


def generation(source: Source) -> dict[str, Any]:
    """``generation_config.json``: what ends an answer; both ends of a text, as Qwen2's own says."""
    ends = [source.vocabulary("eos_token_id"), source.vocabulary("bos_token_id")]
    return {"bos_token_id": ends[1], "eos_token_id": ends, "do_sample": False}


def tokenizer(source: Source) -> Tokenizer:
    """Byte-level BPE with the file's vocabulary."""
    tokens = source.vocabulary("tokens")
    merges = [tuple(merge.split(" ", 1)) for merge in source.vocabulary("merges")]
    made = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=merges))
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    kinds = zip(tokens, source.vocabulary("token_type"), strict=True)
    made.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token, kind in kinds if kind == _CONTROL]
    )
    return made


def tokenizer_config(source: Source) -> dict[str, Any]:
    """``tokenizer_config.json``."""
    tokens = source.vocabulary("tokens")
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": None,
        "eos_token": tokens[source.vocabulary("eos_token_id")],
        "pad_token": tokens[source.vocabulary("padding_token_id")],
        "chat_template": source.key("tokenizer.chat_template"),
        "model_max_length": source.model("context_length"),
        "clean_up_tokenization_spaces": False,
    }


def main() -> None:
    """Convert; the folder appears when it is whole."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, folder = Source(Path(sys.argv[1])), Path(sys.argv[2])
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    weights = tensors(source)
    save_file(weights, part / "model.safetensors", metadata={"format": "pt"})
    tokenizer(source).save(str(part / "tokenizer.json"))
    for name, value in (
        ("config", config(source, tied="lm_head.weight" not in weights)),
        ("generation_config", generation(source)),
        ("tokenizer_config", tokenizer_config(source)),
    ):
        (part / f"{name}.json").write_text(json.dumps(value, ensure_ascii=False, indent=1), "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    count = sum(tensor.numel() for tensor in weights.values())
    print(f"{folder}: {len(weights)} tensors, {count / 1e6:.0f} million weights")


if __name__ == "__main__":
    main()
