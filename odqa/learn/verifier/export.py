"""Write a trained classifier so that it runs without torch: safetensors, a tokenizer, and an ONNX graph."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from odqa import fs
from odqa.errors import ModelError, UsageError
from odqa.learn.verifier.train import CrossEncoder
from odqa.reader.neural.quiet import quiet

ONNX_FILE = "model.onnx"
_OPSET = 17
_AXES = {0: "batch", 1: "tokens"}
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def export(encoder: CrossEncoder, folder: Path, *, quantize: bool = True) -> None:
    """Write a classifier into a folder.

    Args:
        encoder: the classifier; is moved to the CPU.
        folder: made if there is none.
        quantize: weights of the graph in 8 bits, a quarter of the size and twice as fast.

    Raises:
        ModelError: the model cannot be written as a graph, because it is none of BERT's kind.
        UsageError: the folder cannot be written.
    """
    encoder.model.cpu().eval()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with quiet():
            encoder.model.save_pretrained(folder)
            encoder.tokenizer.save_pretrained(folder)
        _write_graph(encoder, folder, quantize=quantize)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror or error}", "choose a folder that can be written") from error


def _write_graph(encoder: CrossEncoder, folder: Path, *, quantize: bool) -> None:
    import torch

    class Logits(torch.nn.Module):
        """The model with its inputs by place and one output, which is what a graph has."""

        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            return self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).logits

    example = encoder.tokenizer(["a", "b c"], ["d e", "f"], padding=True, return_tensors="pt")
    if "token_type_ids" not in example:
        raise ModelError("the model does not tell claim and evidence apart", "train one of BERT's kind, such as MiniLM")
    encoder.model.set_attn_implementation("eager")
    temporary = folder / f".{ONNX_FILE}.{os.getpid()}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # The exporter warns of every shape that it takes for a constant.
            torch.onnx.export(
                Logits(encoder.model), tuple(example[name] for name in _INPUTS), str(temporary), dynamo=False,
                input_names=list(_INPUTS), output_names=["logits"], opset_version=_OPSET,
                dynamic_axes={**dict.fromkeys(_INPUTS, _AXES), "logits": {0: "batch"}},
            )  # fmt: skip
        if quantize:
            _quantize(temporary)
        fs.sync_file(temporary)
        fs.replace(temporary, folder / ONNX_FILE)
    finally:
        temporary.unlink(missing_ok=True)


def _quantize(file: Path) -> None:
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic

    small = file.with_suffix(".int8")
    logging.getLogger().setLevel(logging.ERROR)  # It recommends preparations that change nothing here.
    try:
        quantize_dynamic(str(file), str(small), weight_type=QuantType.QInt8, per_channel=True)
        fs.replace(small, file)
    finally:
        small.unlink(missing_ok=True)
