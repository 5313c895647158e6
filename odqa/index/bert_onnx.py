"""Write a BERT sentence encoder as an ONNX graph, straight from its safetensors file.

The graph is that of `transformers.BertModel` (Devlin et al. 2019, post-layer-norm, erf GELU) followed by the mean
over tokens and L2 normalisation of sentence-transformers. Building it node by node needs neither torch nor an
exporter, gives the same bytes every time, and is checked in the tests against sentence-transformers itself.
Inputs: `input_ids`, `attention_mask`, int64 (batch, tokens). Outputs: `sentence`, float32 (batch, hidden), unit
length; `tokens`, float32 (batch, tokens, hidden), unit length, zero where masked, for late interaction.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPSET = 20
IR_VERSION = 10


class _Graph:
    """Collects nodes and constants; every method returns the name of its result."""

    def __init__(self) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._numpy = helper, numpy_helper
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def constant(self, name: str, value: NDArray[Any]) -> str:
        if name not in self.constants:
            self.constants[name] = self._numpy.from_array(np.ascontiguousarray(value), name)
        return name

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"{kind}_{len(self.nodes)}"
        self.nodes.append(self._helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def ints(self, *values: int) -> str:
        return self.constant("ints_" + "_".join(map(str, values)), np.array(values, np.int64))

    def linear(self, x: str, weights: dict[str, NDArray[Any]], name: str) -> str:
        kernel = self.constant(f"{name}.weight", weights[f"{name}.weight"].T)
        return self.op("Add", self.op("MatMul", x, kernel), self.constant(f"{name}.bias", weights[f"{name}.bias"]))

    def norm(self, x: str, weights: dict[str, NDArray[Any]], name: str, epsilon: float) -> str:
        scale = self.constant(f"{name}.weight", weights[f"{name}.weight"])
        bias = self.constant(f"{name}.bias", weights[f"{name}.bias"])
        return self.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=epsilon)

    def unit(self, x: str, output: str) -> str:
        length = self.op("ReduceL2", x, self.ints(-1), keepdims=1)
        floor = self.constant("tiny", np.array(1e-12, np.float32))
        return self.op("Div", x, self.op("Max", length, floor), output=output)


def write_bert_onnx(model: Path, target: Path) -> None:
    """Convert the BERT model in the folder `model` (config.json, model.safetensors) to ONNX at `target`.

    Raises:
        ModelError: the folder holds another architecture, or lacks a file.
    """
    import onnx
    from onnx import TensorProto, helper
    from safetensors.numpy import load_file

    try:
        config = json.loads((model / "config.json").read_text("utf-8"))
        weights = load_file(model / "model.safetensors")
    except (OSError, ValueError) as error:
        raise ModelError(f"{model}: {error}", "the folder must hold config.json and model.safetensors") from error
    if config.get("model_type") != "bert" or config.get("hidden_act") != "gelu":
        raise ModelError(f"{model}: not a BERT encoder with GELU", "use the sentence-transformers encoder for it")
    graph = _Graph()
    _build(graph, weights, config)
    hidden = config["hidden_size"]
    axes = ["batch", "tokens"]
    onnx_graph = helper.make_graph(
        graph.nodes,
        "bert_sentence_encoder",
        [helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name in ("input_ids", "attention_mask")],
        [
            helper.make_tensor_value_info("sentence", TensorProto.FLOAT, ["batch", hidden]),
            helper.make_tensor_value_info("tokens", TensorProto.FLOAT, [*axes, hidden]),
        ],
        list(graph.constants.values()),
    )
    onnx_model = helper.make_model(
        onnx_graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="odqa"
    )
    onnx.checker.check_model(onnx_model)
    onnx.save_model(onnx_model, str(target))


def _build(graph: _Graph, weights: dict[str, NDArray[Any]], config: dict[str, Any]) -> None:
    heads, hidden, epsilon = config["num_attention_heads"], config["hidden_size"], config["layer_norm_eps"]
    mask = graph.op("Cast", "attention_mask", to=1)
    masked = graph.constant("masked", np.array(np.finfo(np.float32).min, np.float32))
    absent = graph.op("Sub", graph.constant("one", np.array(1, np.float32)), mask)
    bias = graph.op("Mul", graph.op("Unsqueeze", absent, graph.ints(1, 2)), masked)
    x = _embed(graph, weights, epsilon)
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}"
        attended = _attend(graph, x, bias, weights, f"{name}.attention", heads, hidden // heads)
        attended = graph.linear(attended, weights, f"{name}.attention.output.dense")
        x = graph.norm(graph.op("Add", attended, x), weights, f"{name}.attention.output.LayerNorm", epsilon)
        wide = graph.op("Gelu", graph.linear(x, weights, f"{name}.intermediate.dense"), approximate="none")
        narrow = graph.linear(wide, weights, f"{name}.output.dense")
        x = graph.norm(graph.op("Add", narrow, x), weights, f"{name}.output.LayerNorm", epsilon)
    column = graph.op("Unsqueeze", mask, graph.ints(2))
    total = graph.op("ReduceSum", graph.op("Mul", x, column), graph.ints(1), keepdims=0)
    count = graph.op("ReduceSum", mask, graph.ints(1), keepdims=1)
    graph.unit(
        graph.op("Div", total, graph.op("Max", count, graph.constant("tiny", np.array(1e-12, np.float32)))), "sentence"
    )
    graph.op("Mul", graph.unit(x, "unit_tokens"), column, output="tokens")


def _embed(graph: _Graph, weights: dict[str, NDArray[Any]], epsilon: float) -> str:
    words = graph.constant("words", weights["embeddings.word_embeddings.weight"])
    positions = graph.constant("positions", weights["embeddings.position_embeddings.weight"])
    # One sequence only: every token is of type 0, so its embedding is one constant row.
    kind = graph.constant("kind", weights["embeddings.token_type_embeddings.weight"][0])
    length = graph.op("Gather", graph.op("Shape", "input_ids"), graph.ints(1))
    order = graph.op("Slice", positions, graph.ints(0), length, graph.ints(0))
    x = graph.op("Add", graph.op("Gather", words, "input_ids"), kind)
    return graph.norm(graph.op("Add", x, order), weights, "embeddings.LayerNorm", epsilon)


def _attend(
    graph: _Graph, x: str, bias: str, weights: dict[str, NDArray[Any]], name: str, heads: int, width: int
) -> str:
    split = graph.ints(0, 0, heads, width)

    def project(part: str, order: list[int]) -> str:
        projected = graph.linear(x, weights, f"{name}.self.{part}")
        return graph.op("Transpose", graph.op("Reshape", projected, split), perm=order)

    query, key = project("query", [0, 2, 1, 3]), project("key", [0, 2, 3, 1])
    scale = graph.constant("scale", np.array(width**-0.5, np.float32))
    scores = graph.op("Add", graph.op("Mul", graph.op("MatMul", query, key), scale), bias)
    mixed = graph.op("MatMul", graph.op("Softmax", scores, axis=-1), project("value", [0, 2, 1, 3]))
    merged = graph.op("Transpose", mixed, perm=[0, 2, 1, 3])
    return graph.op("Reshape", merged, graph.ints(0, 0, heads * width))
