"""Readers as ONNX graphs: they write what torch writes, in 8 bits nearly, and say clearly what is wrong."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from odqa import fs
from odqa.errors import LimitError, ModelError, UsageError
from odqa.models.export import ONNX_USAGE, export_onnx, quantize, write_graphs
from odqa.models.onnx_reader import OnnxGenerator
from odqa.reader.neural.folder import open_reader_model, write_reader_model
from odqa.reader.neural.inputs import FusionTokenizer, Limits, Source
from tests.graphs import CASES, ENCODED, POSITIONS, START, WINDOW, WRITTEN, made, read


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{'pointer' if case[1] else 'plain'}")
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, OnnxGenerator]:
    decoder, pointer = request.param
    model, folder = made(decoder, pointer=pointer), tmp_path_factory.mktemp("graphs")
    write_graphs(model, folder)
    return model, OnnxGenerator(folder, threads=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The graphs of a small reader, to be copied and damaged."""
    folder = tmp_path_factory.mktemp("plain")
    write_graphs(made(), folder)
    return folder


def wanted(model: Any, given: dict[str, torch.Tensor], text: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        logits = model(**given, decoder_input_ids=torch.from_numpy(text)).logits
    return logits.log_softmax(-1).numpy()


def test_graphs_write_what_torch_writes(exported: tuple[Any, OnnxGenerator]) -> None:
    model, graph = exported
    expected = model.generate(**read(), max_new_tokens=POSITIONS, do_sample=False, use_cache=True).numpy()
    found = graph.generate(read(), POSITIONS)  # Far beyond the window of four tokens.
    np.testing.assert_array_equal(found, expected)
    assert len({tuple(row) for row in found.tolist()}) == 3, "the evidence has no influence"


def test_probabilities_are_those_of_torch_beyond_the_window(exported: tuple[Any, OnnxGenerator]) -> None:
    model, graph = exported
    text = np.random.default_rng(0).integers(0, WRITTEN, (3, 3 * WINDOW))
    found = graph.log_probabilities(read(), text)
    np.testing.assert_allclose(found, wanted(model, read(), text), atol=2e-4)


def test_the_end_of_a_text_is_followed_by_padding(exported: tuple[Any, OnnxGenerator], tmp_path: Path) -> None:
    model, graph = exported
    free = graph.generate(read(), 12, stop=False)
    end = int(free[0, 3])  # What the first text says third becomes the end.
    described = json.loads((graph.folder / "graphs.json").read_text()) | {"ends": [end]}
    for name in ("encoder.onnx", "decoder.onnx"):
        (tmp_path / name).symlink_to(graph.folder / name)
    (tmp_path / "graphs.json").write_text(json.dumps(described))
    expected = model.generate(**read(), max_new_tokens=12, do_sample=False, eos_token_id=end).numpy()
    np.testing.assert_array_equal(OnnxGenerator(tmp_path, threads=1).generate(read(), 12), expected)


def test_the_order_of_passages_means_nothing_and_more_of_them_go_through_in_parts(
    exported: tuple[Any, OnnxGenerator],
) -> None:
    model, graph = exported
    many = {name: value[:1].repeat(1, 20, *[1] * (value.ndim - 2)) for name, value in read().items()}
    many["input_ids"] = torch.randint(3, ENCODED, (1, 40, 6), generator=torch.Generator().manual_seed(5))
    text = np.array([[START, 7, 9]])
    found = graph.log_probabilities(many, text)
    np.testing.assert_allclose(found, wanted(model, many, text), atol=2e-4)
    turned = {name: value.flip(1) for name, value in many.items()}
    np.testing.assert_allclose(graph.log_probabilities(turned, text), found, atol=2e-4)


def test_an_encoder_with_shifted_positions(tmp_path: Path) -> None:
    model = made(encoder="roberta")
    write_graphs(model, tmp_path)
    expected = model.generate(**read(), max_new_tokens=8, do_sample=False).numpy()
    np.testing.assert_array_equal(OnnxGenerator(tmp_path, threads=1).generate(read(), 8), expected)


def test_8_bits_take_a_quarter_and_say_nearly_the_same(tmp_path: Path) -> None:
    model = made(pointer=True, vocabulary=6000)
    write_graphs(model, tmp_path / "whole")
    files = write_graphs(model, tmp_path / "small", int8=True)
    sizes = [sum(file.stat().st_size for file in (tmp_path / name).glob("*.onnx")) for name in ("whole", "small")]
    assert sizes[1] < 0.4 * sizes[0]
    assert sorted(file.name for file in files) == ["decoder.onnx", "encoder.onnx", "graphs.json"]
    assert sorted(file.name for file in (tmp_path / "small").iterdir()) == sorted(file.name for file in files)
    text = np.random.default_rng(0).integers(0, 6000, (3, 6))
    whole, small = (
        OnnxGenerator(tmp_path / name, threads=1).log_probabilities(read(), text) for name in ("whole", "small")
    )
    assert np.corrcoef(whole.ravel(), small.ravel())[0, 1] > 0.98
    assert np.abs(np.exp(whole) - np.exp(small)).max() < 0.2


def test_a_model_is_left_as_it_was(tmp_path: Path) -> None:
    model = made().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    write_graphs(model, tmp_path)
    assert model.training
    assert model.config._attn_implementation == "sdpa"
    assert model.decoder.config._attn_implementation == "sdpa"
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def tokenizer() -> FusionTokenizer:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    words = "[PAD] [CLS] [SEP] [UNK] [unused1] [unused2] why was the bridge closed ? its cables had rusted . harbour"
    vocabulary = {word: number for number, word in enumerate((words + " report :  because").split())}
    fast = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    fast.normalizer, fast.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.BertPreTokenizer()
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=fast, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]"
    )
    return FusionTokenizer(wrapped, wrapped, ["[unused1]", "[unused2]"], Limits(question=8, passage=24, target=20))


def test_a_reader_is_exported_with_its_tokenizers_and_runs_as_its_card_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, model = tokenizer(), made(pointer=True)
    write_reader_model(tmp_path / "reader", model, reader)
    files = export_onnx(tmp_path / "reader", tmp_path / "graphs", int8=False, open_model=open_reader_model)
    assert {"encoder.onnx", "decoder.onnx", "graphs.json", "inputs.json"} <= {file.name for file in files}
    assert all(file.is_file() for file in files)
    inputs = reader.inputs(
        ["Why was the bridge closed?"],
        [[Source(1, "Harbour report", "The bridge was closed because its cables had rusted.")]],
    )
    with torch.no_grad():
        expected = model.generate(**inputs, max_new_tokens=12, do_sample=False)[0].tolist()
    code = re.search(r"```python\n(.*?)```", ONNX_USAGE, re.DOTALL)
    assert code is not None
    said: list[object] = []
    monkeypatch.chdir(tmp_path / "graphs")
    program = code[1].replace("max_new_tokens=64", "max_new_tokens=12")
    exec(compile(program, "README.md", "exec"), {"print": said.append})
    assert said == [reader.text(expected)]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no exported reader"):
        OnnxGenerator(tmp_path)
    with pytest.raises(ModelError, match="holds no trained reader"):
        export_onnx(tmp_path, tmp_path / "out", open_model=open_reader_model)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no JSON": lambda folder: (folder / "graphs.json").write_text("{"),
    "a list": lambda folder: (folder / "graphs.json").write_text("[]"),
    "a field too few": lambda folder: (folder / "graphs.json").write_text('{"ends": [2]}'),
    "a text for a number": lambda folder: (folder / "graphs.json").write_text(
        (folder / "graphs.json").read_text().replace('"start": 1', '"start": "one"')
    ),
    "other layers": lambda folder: (folder / "graphs.json").write_text(
        (folder / "graphs.json").read_text().replace('"layers": 2', '"layers": 3')
    ),
    "an older form": lambda folder: (folder / "graphs.json").write_text(
        (folder / "graphs.json").read_text().replace('"format": 2', '"format": 1')
    ),
    "half a graph": lambda folder: (folder / "decoder.onnx").write_bytes((folder / "decoder.onnx").read_bytes()[:999]),
    "no graph": lambda folder: (folder / "encoder.onnx").unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_one_clear_line(folder: Path, tmp_path: Path, damage: Callable[[Path], object]) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    damage(tmp_path)
    with pytest.raises(ModelError, match="export") as caught:
        OnnxGenerator(tmp_path)
    assert "\n" not in str(caught.value)


def test_limits_and_wrong_inputs(folder: Path) -> None:
    graph = OnnxGenerator(folder, threads=1)
    with pytest.raises(LimitError, match="24 positions"):
        graph.generate(read(), POSITIONS + 1)
    with pytest.raises(UsageError, match="ask for one"):
        graph.generate(read(), 0)
    long = {name: torch.ones(1, 1, 33, dtype=torch.long) for name in ("input_ids", "attention_mask")}
    with pytest.raises(LimitError, match="32 positions"):
        graph.generate(long, 2)
    with pytest.raises(LimitError, match="number 65"):
        graph.generate(read() | {"sources": torch.full((3, 2), 65)}, 2)
    with pytest.raises(UsageError, match="attention_mask"):
        graph.generate({"input_ids": read()["input_ids"]}, 2)
    with pytest.raises(UsageError, match="shape"):
        graph.generate({name: read()[name][0] for name in ("input_ids", "attention_mask")}, 2)


def test_without_what_may_be_copied_a_pointer_is_left_out(exported: tuple[Any, OnnxGenerator]) -> None:
    model, graph = exported
    given = {name: value for name, value in read().items() if not name.startswith("copy")}
    text = np.array([[START, 4], [START, 5], [START, 6]])
    np.testing.assert_allclose(graph.log_probabilities(given, text), wanted(model, given, text), atol=2e-4)


def test_a_graph_that_says_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = OnnxGenerator.log_probabilities
    monkeypatch.setattr(OnnxGenerator, "log_probabilities", lambda *args: right(*args) + 0.01)
    with pytest.raises(ModelError, match=r"differ from the model by 0\.01"):
        write_graphs(made(), tmp_path)


def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(operation: str, path: Path) -> None:
        if operation == "replace" and path.name == "decoder.onnx":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(fs, "fault", full)
    with pytest.raises(UsageError, match="No space left"):
        write_graphs(made(), tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["encoder.onnx", "graphs.json"]


def test_quantizing_leaves_the_graph_where_the_disk_is_full(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    before = (tmp_path / "decoder.onnx").read_bytes()

    def full(operation: str, path: Path) -> None:
        if operation == "sync_file":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(fs, "fault", full)
    with pytest.raises(OSError, match="No space left"):
        quantize(tmp_path / "decoder.onnx")
    assert (tmp_path / "decoder.onnx").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 3


def test_too_large_for_one_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("odqa.models.export._LARGEST", 10_000)
    with pytest.raises(LimitError, match="safetensors"):
        write_graphs(made(), tmp_path / "out")
    assert not (tmp_path / "out").exists()
