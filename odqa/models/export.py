"""A reader as ONNX graphs, which run without torch: one for the encoder, one for a step of the decoder.

The encoder's graph reads passages, each a row, and gives the keys and values that every layer of the decoder attends
to, so that no step makes them again. The decoder's graph takes these, what it kept of the text so far, and the next
tokens; with nothing kept it begins. `odqa.models.onnx_reader` runs both. Nothing here knows the reader's own modules:
a model comes with its parts, by the names that `FusionModel` has for them.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa import fs
from odqa.errors import LimitError, ModelError, UsageError
from odqa.models.graphs import encode, module_of, step
from odqa.models.onnx_reader import DECODER_FILE, ENCODER_FILE, FORMAT, GRAPHS_FILE, OnnxGenerator
from odqa.models.store import files_below

if TYPE_CHECKING:
    import torch

ONNX_USAGE = """\
`odqa ask --set reader=FOLDER` answers with the graphs as with the model that they were made of, on the processor.

`encoder.onnx` reads passages, a row each, and `decoder.onnx` writes the next token; `graphs.json` says where a text
begins and ends. The tokenizers lie beside them. This writes greedily, with onnxruntime and without torch:

```python
from pathlib import Path

from odqa.models.onnx_reader import OnnxGenerator
from odqa.reader.neural.inputs import FusionTokenizer, Source

folder = Path(".")  # this folder
tokenizer = FusionTokenizer.open(folder)
sources = [Source(1, "Harbour report", "The bridge was closed because its cables had rusted.")]
inputs = tokenizer.inputs(["Why was the bridge closed?"], [sources])
tokens = OnnxGenerator(folder).generate(inputs, max_new_tokens=64)
print(tokenizer.text(tokens[0].tolist()))
```"""

_Axes = dict[int, str]
_ENCODER_AXES: Mapping[str, _Axes] = {
    "input_ids": {0: "rows", 1: "tokens"},
    "attention_mask": {0: "rows", 1: "tokens"},
    "sources": {0: "rows"},
    "kinds": {0: "rows"},
    "copy_tokens": {0: "rows", 1: "copies"},
    "copy_places": {0: "rows", 1: "copies"},
    "memory": {0: "rows", 2: "tokens"},  # keys and values: (rows, heads, tokens, size of a head)
    "copy_keys": {0: "rows", 1: "copies"},
}
_DECODER_AXES: Mapping[str, _Axes] = {
    "decoder_input_ids": {0: "batch", 1: "positions"},
    "memory_mask": {0: "batch", 1: "sources"},
    "memory": {0: "batch", 2: "sources"},
    "past": {0: "batch", 2: "seen"},
    "copy_keys": {0: "batch", 1: "copies"},
    "copy_tokens": {0: "batch", 1: "copies"},
    "copy_mask": {0: "batch", 1: "copies"},
    "logits": {0: "batch", 1: "positions"},
    "present": {0: "batch", 2: "all"},
}
_OPSET = 17
_LARGEST = 2_000_000_000  # bytes: protobuf holds no more in one message
_TOLERANCE = 1e-3  # of log-probabilities; the graphs differ from torch by the order of sums, about 1e-5


def export_onnx(
    folder: Path, out: Path, *, int8: bool = False, open_model: Callable[[Path], tuple[Any, Any]]
) -> list[Path]:
    """Write a trained reader as two graphs with its tokenizers, and compare the graphs with the model.

    Args:
        folder: of the reader.
        out: made if there is none.
        int8: weights of the graphs in 8 bits, a quarter of the size.
        open_model: gives the model and its tokenizers, as `open_reader_model` does.

    Returns:
        The files of the folder.

    Raises:
        ModelError: there is no such reader, or its graphs do not say what it says.
        LimitError: a graph would be larger than ONNX allows for one file.
        UsageError: the folder cannot be written.
    """
    model, tokenizer = open_model(folder)
    write_graphs(model.float(), out, int8=int8)
    tokenizer.save(out)
    return list(files_below(out))


def write_graphs(model: Any, out: Path, *, int8: bool = False) -> list[Path]:
    """Write the graphs of a model, and compare them with it.

    Args:
        model: a `FusionModel` in float32 on the CPU.
        out: made if there is none.
        int8: weights in 8 bits: `quantize`.

    Raises:
        ModelError: the graphs do not say what the model says.
        LimitError: a graph would be larger than ONNX allows for one file.
        UsageError: the folder cannot be written.
    """
    _check_size(model)
    attention, training = model.config._attn_implementation, model.training
    model.eval().set_attn_implementation("eager")
    try:
        out.mkdir(parents=True, exist_ok=True)
        body = json.dumps(_description(model), indent=1) + "\n"
        fs.write_atomic(out / GRAPHS_FILE, body.encode())
        _write_encoder(model, out / ENCODER_FILE)
        _write_decoder(model, out / DECODER_FILE)
        _compare(model, out)
        if int8:
            quantize(out / ENCODER_FILE)
            quantize(out / DECODER_FILE)
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror or error}", "choose a folder that can be written") from error
    finally:
        model.train(training).set_attn_implementation(attention or "sdpa")
    return [out / name for name in (ENCODER_FILE, DECODER_FILE, GRAPHS_FILE)]


def quantize(file: Path) -> None:
    """Turn the weights of a graph into 8 bits, one scale for each output; sums are made of integers then.

    Args:
        file: the graph; replaced.
    """
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic

    small = file.with_name(f".{file.name}.{os.getpid()}.int8")
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)  # It recommends preparations that change nothing here.
    try:
        quantize_dynamic(str(file), str(small), weight_type=QuantType.QInt8, per_channel=True)
        fs.sync_file(small)
        fs.replace(small, file)
    finally:
        logger.setLevel(level)
        small.unlink(missing_ok=True)


def _check_size(model: Any) -> None:
    # The head shares its weights with the embeddings; a graph holds them twice, since one of them is turned.
    shared = model.decoder.get_input_embeddings().weight.numel()
    encoder = sum(value.numel() for value in model.encoder.parameters()) + shared
    decoder = sum(value.numel() for value in model.decoder.parameters()) + shared
    if max(encoder, decoder) * 4 > _LARGEST:
        raise LimitError(
            f"a graph of {max(encoder, decoder) * 4:,} bytes is larger than the {_LARGEST:,} that one file may have",
            "export it as safetensors",
        )


def _description(model: Any) -> dict[str, Any]:
    """Return what the runner has to know beyond the graphs."""
    config, end = model.config, model.generation_config.eos_token_id
    ends = [] if end is None else [end] if isinstance(end, int) else list(end)
    padding = config.pad_token_id if config.pad_token_id is not None else (ends or [0])[0]
    if config.decoder_start_token_id is None:
        raise ModelError("the model does not say what a text begins with", "set decoder_start_token_id in its config")
    return {
        "format": FORMAT,
        "start": config.decoder_start_token_id,
        "ends": ends,
        "padding": padding,
        "positions": config.decoder.max_position_embeddings,
        "passage": model.encoder_positions,
        "sources": config.sources,
        "layers": len(model.decoder.transformer.h),
        "pointer": model.pointer is not None,
    }


def _write_encoder(model: Any, file: Path) -> None:
    import torch

    rows, tokens, copies = 2, 3, 2
    given = {
        "input_ids": torch.ones(rows, tokens, dtype=torch.long),
        "attention_mask": torch.tensor([[1, 1, 1], [1, 1, 0]]),
        "sources": torch.zeros(rows, dtype=torch.long),
        "kinds": torch.zeros(rows, dtype=torch.long),
    }
    names = list(_pairs("memory", len(model.decoder.transformer.h)))
    if model.pointer is not None:
        given["copy_tokens"] = torch.ones(rows, copies, dtype=torch.long)
        given["copy_places"] = torch.ones(rows, copies, dtype=torch.long)
        names.append("copy_keys")
    _write_graph(module_of(model, encode), given, names, file, _ENCODER_AXES)


def _write_decoder(model: Any, file: Path) -> None:
    import torch

    layers, batch, sources, seen, copies = len(model.decoder.transformer.h), 2, 3, 2, 4
    config = model.config.decoder
    heads, size = config.num_attention_heads, config.hidden_size // config.num_attention_heads
    given = {
        "decoder_input_ids": torch.ones(batch, 2, dtype=torch.long),
        "memory_mask": torch.tensor([[True, True, True], [True, False, False]]),
        # Each a tensor of its own: by them the exporter tells its inputs apart.
        **{name: torch.zeros(batch, heads, sources, size) for name in _pairs("memory", layers)},
        **{name: torch.zeros(batch, heads, seen, size) for name in _pairs("past", layers)},
    }
    if model.pointer is not None:
        given["copy_keys"] = torch.zeros(batch, copies, config.hidden_size)
        given["copy_tokens"] = torch.ones(batch, copies, dtype=torch.long)
        given["copy_mask"] = torch.ones(batch, copies, dtype=torch.bool)
    names = ["logits", *_pairs("present", layers)]
    _write_graph(module_of(model, step), given, names, file, _DECODER_AXES)


def _pairs(name: str, layers: int) -> Iterator[str]:
    """Yield the names of keys and values of all layers."""
    for layer in range(layers):
        yield f"{name}.{layer}.key"
        yield f"{name}.{layer}.value"


def _write_graph(
    module: Any, given: Mapping[str, torch.Tensor], outputs: Sequence[str], file: Path, axes: Mapping[str, _Axes]
) -> None:
    """Trace a module with example inputs and write it; `axes` says which dimensions vary."""
    import torch

    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of every shape taken for a constant, and of the exporter's age.
            # By tracing: torch's newer exporter needs a further package.
            torch.onnx.export(
                module, tuple(given.values()), str(temporary), dynamo=False, opset_version=_OPSET,
                input_names=list(given), output_names=list(outputs),
                dynamic_axes={name: axes[name.partition(".")[0]] for name in (*given, *outputs)},
            )  # fmt: skip
        fs.sync_file(temporary)
        fs.replace(temporary, file)
    except (RuntimeError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"the model cannot be written as a graph: {reason}", "export it as safetensors") from error
    finally:
        temporary.unlink(missing_ok=True)


def _compare(model: Any, out: Path) -> None:
    """Run the graphs on made-up inputs of other shapes than they were traced with.

    Raises:
        ModelError: they say something else than the model.
    """
    import torch

    shape, most = (2, 3, 7), model.encoder.get_input_embeddings().weight.shape[0]
    draw = np.random.default_rng(0)
    mask = np.ones(shape, np.int64)
    mask[0, 1, 4:] = mask[1, 2] = 0
    given = {"input_ids": draw.integers(0, most, shape), "attention_mask": mask}
    given["sources"] = np.tile(np.arange(3) % (model.config.sources + 1), (2, 1))
    given["kinds"] = np.zeros((2, 3), np.int64)
    if model.pointer is not None:
        given["copy_tokens"] = draw.integers(0, model.decoder.get_input_embeddings().weight.shape[0], shape)
        given["copy_places"] = np.tile(np.arange(7), (2, 3, 1))
    text = draw.integers(0, model.config.decoder.vocab_size, (2, min(9, model.config.decoder.max_position_embeddings)))
    with torch.no_grad():
        tensors = {name: torch.from_numpy(value) for name, value in given.items()}
        wanted = model(**tensors, decoder_input_ids=torch.from_numpy(text)).logits.log_softmax(-1).numpy()
    found = OnnxGenerator(out, threads=torch.get_num_threads()).log_probabilities(given, text)
    difference = float(np.abs(found - wanted).max())
    if not difference < _TOLERANCE:
        raise ModelError(
            f"the graphs differ from the model by {difference:.2g} in log-probability", "export it as safetensors"
        )
