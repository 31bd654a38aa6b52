"""Shapes of models: the readers of GGUF and config.json against files, and any bytes at all."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.errors import UsageError
from pytest_llmeval.measure import gguf, shapes

QWEN = {
    "general.architecture": "qwen2",
    "qwen2.block_count": 24,
    "qwen2.context_length": 32768,
    "qwen2.embedding_length": 896,
    "qwen2.attention.head_count": 14,
    "qwen2.attention.head_count_kv": 2,
    "tokenizer.ggml.tokens": ["token"] * 5000,
    "tokenizer.ggml.scores": [0.5] * 5000,
    "tokenizer.chat_template": "{{ messages }}",
}


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def packed(value: object) -> tuple[int, bytes]:
    """A value's GGUF type and bytes."""
    match value:
        case bool():
            return 7, struct.pack("<?", value)
        case int():
            return (4, struct.pack("<I", value)) if 0 <= value < 1 << 32 else (11, struct.pack("<q", value))
        case float():
            return 12, struct.pack("<d", value)
        case str():
            return 8, text(value)
        case list():
            items = [packed(item) for item in value]
            kind = items[0][0] if items else 4
            return 9, struct.pack("<IQ", kind, len(items)) + b"".join(data for _, data in items)
    raise TypeError(type(value))


def header(keys: dict[str, object], *, version: int = 3, tensors: tuple[int, ...] = ()) -> bytes:
    """A file's head; ``tensors`` are the offsets of so many."""
    rows = [text(key) + struct.pack("<I", packed(value)[0]) + packed(value)[1] for key, value in keys.items()]
    rows += [text("blk.weight") + struct.pack("<IQQIQ", 2, 64, 64, 0, offset) for offset in tensors]
    return b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys)) + b"".join(rows)


@pytest.fixture
def model(tmp_path):
    def write(keys: dict[str, object], weights_bytes: int = 0, name: str = "model.gguf"):
        data = header(keys, tensors=(0, weights_bytes // 2) if weights_bytes else ())
        path = tmp_path / name
        path.write_bytes(data.ljust(-(-len(data) // 32) * 32, b"\0") + bytes(weights_bytes))
        return path

    return write


@pytest.fixture
def folder(tmp_path):
    def write(config: object, weights_bytes: int = 1000):
        (tmp_path / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
        for part in range(2):
            (tmp_path / f"model-0000{part}-of-00002.safetensors").write_bytes(bytes(weights_bytes // 2))
        return tmp_path

    return write


def test_grouped_query_attention_is_counted_right(model):
    shape = shapes.read(model(QWEN, 500_000))
    # 24 layers x 2 key-value heads (not 14 query heads) x (64 + 64) x 2 bytes
    assert shape.cache_bytes(1) == 24 * 2 * 128 * 2 == 12_288
    assert shape.cache_bytes(8192, streams=4) == 402_653_184
    assert shape.cache_bytes(1, element_bytes=1) == 6_144
    assert (shape.weights_bytes, shape.trained_context) == (500_000, 32768)


def test_heads_and_dimensions_of_their_own_for_each_layer(model):
    shape = shapes.read(
        model(
            {
                **QWEN,
                "qwen2.block_count": 3,
                "qwen2.attention.head_count_kv": [4, 0, 2],
                "qwen2.attention.key_length": 192,
                "qwen2.attention.value_length": 128,
            }
        )
    )
    assert shape.elements == (4 * 320, 0, 2 * 320)


def test_without_key_value_heads_all_heads_count(model):
    shape = shapes.read(model({key: value for key, value in QWEN.items() if "head_count_kv" not in key}))
    assert shape.cache_bytes(1) == 24 * 14 * 128 * 2


def test_latent_attention_and_what_is_left_out_is_said(model):
    keys = {
        **QWEN,
        "qwen2.attention.kv_lora_rank": 512,
        "qwen2.rope.dimension_count": 64,
        "qwen2.attention.sliding_window": 4096,
        "qwen2.ssm.state_size": 128,
    }
    shape = shapes.read(model(keys))
    assert shape.elements == (576,) * 24
    assert [note.partition(" ")[0] for note in shape.notes] == ["latent", "some", "layers"]
    assert shapes.read(model(QWEN)).notes == ()


def test_a_model_in_parts(model):
    paths = [
        model(QWEN if part == 1 else {"split.no": part - 1}, 1000 * part, f"big-0000{part}-of-00003.gguf")
        for part in (1, 2, 3)
    ]
    assert shapes.read(paths[0]) == shapes.read(paths[2])
    assert shapes.read(paths[0]).weights_bytes == 6000
    paths[1].unlink()
    with pytest.raises(UsageError, match=r"1 of its 00003 parts are missing: big-00002-of-00003\.gguf"):
        shapes.read(paths[0])


@pytest.mark.parametrize(
    "missing", ["general.architecture", "qwen2.block_count", "qwen2.attention.head_count"]
)
def test_a_key_that_is_missing_is_named(model, missing):
    words = "attention heads" if "head" in missing else missing
    with pytest.raises(UsageError, match=f"does not say .*{words}") as caught:
        shapes.read(model({key: value for key, value in QWEN.items() if key != missing}))
    assert caught.value.where


def test_an_absurd_number_of_layers(model):
    with pytest.raises(UsageError, match="4000000000 is no number of layers"):
        shapes.read(model({**QWEN, "qwen2.block_count": 4_000_000_000}))


LLAMA = {
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "hidden_size": 4096,
    "max_position_embeddings": 131072,
}


def test_config_json(folder):
    shape = shapes.read(folder(LLAMA, 3000))
    assert shape.cache_bytes(1) == 2 * 32 * 8 * 128 * 2 == 131_072
    assert (shape.weights_bytes, shape.trained_context) == (3000, 131072)


@pytest.mark.parametrize(
    ("change", "cache_bytes"),
    [
        ({"head_dim": 256}, 2 * 32 * 8 * 256 * 2 * 5000),
        ({"num_key_value_heads": None}, 2 * 32 * 32 * 128 * 2 * 5000),
        ({"sliding_window": 1000}, 2 * 32 * 8 * 128 * 2 * 5000),
        ({"layer_types": ["linear_attention"] * 24 + ["full_attention"] * 8}, 2 * 8 * 8 * 128 * 2 * 5000),
        ({"multi_query": True, "num_key_value_heads": None}, 2 * 32 * 1 * 128 * 2 * 5000),
        ({"multi_query": True, "num_kv_heads": 71}, 2 * 32 * 1 * 128 * 2 * 5000),
        ({"multi_query": True, "new_decoder_architecture": True}, 2 * 32 * 8 * 128 * 2 * 5000),
        ({"sliding_window": 1000, "use_sliding_window": False}, 2 * 32 * 8 * 128 * 2 * 5000),
        (
            {"sliding_window": 1000, "layer_types": ["sliding_attention"] * 24 + ["full_attention"] * 8},
            2 * 8 * 128 * 2 * (24 * 1000 + 8 * 5000),
        ),
        ({"kv_lora_rank": 512, "qk_rope_head_dim": 64}, 32 * 576 * 2 * 5000),
    ],
)
def test_kinds_of_attention(folder, change, cache_bytes):
    assert shapes.read(folder({**LLAMA, **change})).cache_bytes(5000) == cache_bytes
    assert shapes.read(folder({"text_config": {**LLAMA, **change}})).cache_bytes(5000) == cache_bytes


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("{", "does not describe a model"),
        ("[]", "does not describe a model"),
        ({}, r"does not describe a model: .*num_hidden_layers"),
        ({**LLAMA, "num_hidden_layers": "many"}, r"\$\.num_hidden_layers"),
        ({**LLAMA, "num_hidden_layers": 10**12}, r"\$\.num_hidden_layers"),
        ({**LLAMA, "num_attention_heads": 0}, r"\$\.num_attention_heads"),
    ],
)
def test_a_wrong_config_is_named(folder, config, words):
    with pytest.raises(UsageError, match=words):
        shapes.read(folder(config))


def test_names_of_before_llama(folder):
    config = {"n_layer": 12, "n_head": 12, "n_embd": 768, "n_positions": 1024}
    shape = shapes.read(folder(config))
    assert (shape.cache_bytes(1), shape.trained_context) == (2 * 12 * 12 * 64 * 2, 1024)


def test_what_config_json_leaves_open_is_counted_in_full_and_said(folder):
    assert shapes.read(folder(LLAMA)).notes == ()
    assert "window" in shapes.read(folder({**LLAMA, "sliding_window": 1000})).notes[0]
    kinds = ["linear_attention"] * 31 + ["full_attention"]
    assert "state of their own" in shapes.read(folder({**LLAMA, "layer_types": kinds})).notes[0]
    assert "latent" in shapes.read(folder({**LLAMA, "kv_lora_rank": 512})).notes[0]


def test_weights_that_lie_there_twice_count_once(folder):
    where = folder(LLAMA, 1000)
    (where / "consolidated.safetensors").write_bytes(bytes(5000))
    names = ["model-00000-of-00002.safetensors", "model-00001-of-00002.safetensors"]
    index = where / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": names[0], "b": names[1], "c": names[1]}}))
    assert shapes.read(where).weights_bytes == 1000
    (where / names[1]).unlink()
    with pytest.raises(UsageError, match=r"weights are missing: .*model-00001-of-00002\.safetensors"):
        shapes.read(where)
    for wrong in ("{", "[]", '{"weight_map": 3}', '{"weight_map": {"a": 3}}'):
        index.write_text(wrong)
        with pytest.raises(UsageError, match="no index of weights"):
            shapes.read(where)
    index.unlink()
    (where / "model.safetensors").write_bytes(bytes(700))
    assert shapes.read(where).weights_bytes == 700


def test_weights_by_number(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    assert shapes.read(tmp_path, weights_bytes=7).weights_bytes == 7


def test_a_folder_without_config_or_weights(tmp_path):
    with pytest.raises(UsageError, match=r"config\.json: it can't be read"):
        shapes.read(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    with pytest.raises(UsageError, match=r"no \*\.safetensors"):
        shapes.read(tmp_path)


# -- GGUF --------------------------------------------------------------------------------------------------

scalars = st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text() | st.booleans()
numbers = st.lists(st.integers(0, 2**32 - 1), max_size=9) | st.lists(st.text(max_size=9), max_size=9)


@given(keys=st.dictionaries(st.text(), scalars | numbers), version=st.sampled_from([2, 3]))
def test_what_was_written_is_read(tmp_path_factory, keys, version):
    path = tmp_path_factory.getbasetemp() / "written.gguf"
    path.write_bytes(header(keys, version=version))
    assert gguf.read(path).metadata == keys


@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 255))
def test_any_bytes_end_soon(tmp_path_factory, data, place, byte):
    whole = header({key: value for key, value in QWEN.items() if "ggml" not in key})
    path = tmp_path_factory.getbasetemp() / "any.gguf"
    for bytes_ in (data, b"GGUF" + data, whole[:place], whole[:place] + bytes([byte]) + whole[place + 1 :]):
        path.write_bytes(bytes_)
        try:
            gguf.read(path)
        except UsageError as error:
            assert error.where == str(path)  # noqa: PT017 - a harmless byte raises nothing


def test_long_arrays_are_skipped(model):
    found = gguf.read(model(QWEN)).metadata
    assert "tokenizer.ggml.tokens" not in found
    assert "tokenizer.ggml.scores" not in found
    assert found["tokenizer.chat_template"] == "{{ messages }}"


def test_a_length_beyond_the_file_is_refused_at_once(tmp_path):
    path = tmp_path / "huge.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60) + struct.pack("<Q", 1 << 62) + b"key")
    with pytest.raises(UsageError, match="cut off"):
        gguf.read(path)


def test_a_file_that_is_cut_off_is_said(model):
    path = model(QWEN, 10_000)
    path.write_bytes(path.read_bytes()[:-5100])
    with pytest.raises(UsageError, match="cut off"):
        gguf.read(path)


def test_a_long_string_is_not_read(tmp_path):
    path = tmp_path / "hostile.gguf"
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1 << 40))
        file.truncate(1 << 41)  # sparse
    with pytest.raises(UsageError, match=r"a string of 1,099,511,627,776 bytes"):
        gguf.read(path)


@pytest.mark.parametrize("array", [(0, 1 << 40), (8, 1 << 40)], ids=["of numbers", "of empty strings"])
def test_a_large_head_is_not_walked(tmp_path, monkeypatch, array):
    monkeypatch.setattr(gguf, "_LARGEST_HEAD", 1 << 20)
    path = tmp_path / "hostile.gguf"
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", 9, *array))
        file.truncate(1 << 41)  # sparse
    with pytest.raises(UsageError, match="its head is larger than 1 MiB"):
        gguf.read(path)


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        (struct.pack("<QQ", 0, 1) + text("a") + struct.pack("<I", 99), "unknown type 99"),
        (
            struct.pack("<QQ", 0, 1) + text("a") + struct.pack("<IIQ", 9, 9, 1),
            "an array holds the unknown type 9",
        ),
        (struct.pack("<QQ", 1, 0) + text("t") + struct.pack("<I", 1000), "1000 dimensions"),
        (
            struct.pack("<QQ", 0, 1) + text("general.alignment") + struct.pack("<II", 4, 0),
            "0 is no alignment",
        ),
    ],
)
def test_a_nonsensical_head(tmp_path, rest, words):
    path = tmp_path / "hostile.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<I", 3) + rest)
    with pytest.raises(UsageError, match=words):
        gguf.read(path)


def test_an_older_version_is_named(tmp_path):
    path = tmp_path / "old.gguf"
    path.write_bytes(header({}, version=1))
    with pytest.raises(UsageError, match="version 1"):
        gguf.read(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        gguf.read(tmp_path / "nope.gguf")
