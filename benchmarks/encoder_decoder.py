"""The encoder–decoder reader beside transformers' EncoderDecoderModel at equal size: tokens/s of training and writing.

    python benchmarks/encoder_decoder.py [--size small|base] [--device cpu|cuda] [--dtype float32|bfloat16]
        [--attention sdpa eager] [--threads N] [--repeats N] [--quick] [--onnx] [--json FILE]

Three models with random weights: ours with a GPT-Neo decoder, ours with a GPT-2 decoder, and transformers' own with a
BERT encoder and a GPT-2 decoder with cross-attention. Hidden size, layers, heads, vocabulary, targets, optimiser and
data type are the same, and dropout is off. Rows:

- training (forward, backward, AdamW) with one passage of equal length for all: the row to compare;
- training with eight passages: ours encodes each for itself, theirs reads the same tokens joined, truncated to its 512
  positions, which is half of them;
- generation with the cache: greedy for one and for eight questions, four beams for one.

The models take turns, first one way round and then the other, so that a busy machine slows all alike; a figure is the
median over the repetitions, a ratio the median of the ratios of each round, by processor time on the CPU and by wall
time on a GPU. Peak memory of a few training steps is taken in a process of its own. With `--onnx` the exported graphs
write, too, in float32 and in 8 bits, beside torch.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from transformers import BertConfig, EncoderDecoderConfig, EncoderDecoderModel, GPT2Config
from transformers.utils import logging as transformers_logging

from odqa.reader.neural.encoder_decoder import FusionConfig, FusionModel
from odqa.reader.neural.gpt_neo import CrossGPTNeoConfig

START = 101
MODELS = ("transformers GPT-2", "ours GPT-2", "ours GPT-Neo")
REFERENCE = MODELS[0]


@dataclass(frozen=True, slots=True)
class Shape:
    """What all models have in common."""

    hidden: int
    layers: int
    heads: int
    vocabulary: int
    positions: int = 512


SHAPES = {"small": Shape(384, 6, 6, 30_522), "base": Shape(768, 12, 12, 50_257, 1024)}


@dataclass(frozen=True, slots=True)
class Task:
    """A row of the table."""

    batch: int
    passages: int = 1
    tokens: int = 128
    targets: int = 48
    beams: int = 0  # 0: a step of training

    @property
    def name(self) -> str:
        """What the row is called."""
        kind = {0: "training", 1: "greedy"}.get(self.beams, f"{self.beams} beams")
        return f"{kind}, {self.batch} × {self.passages} passage{'s' * (self.passages > 1)}, {self.targets} tokens"

    def read(self, model: str) -> int:
        """Tokens that the encoder reads: transformers' has 512 positions."""
        return self.batch * (
            min(512, self.passages * self.tokens) if model == REFERENCE else self.passages * self.tokens
        )

    @property
    def written(self) -> int:
        """Tokens that the decoder writes."""
        return self.batch * self.targets


TASKS = (Task(8), Task(2, passages=8), Task(1, beams=1), Task(8, beams=1), Task(1, beams=4))


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SHAPES, default="small")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="autocast in training")
    parser.add_argument("--attention", choices=("sdpa", "eager"), nargs="+", default=["sdpa", "eager"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7, help="of each row; the median counts")
    parser.add_argument("--quick", action="store_true", help="half of the batch and of the targets")
    parser.add_argument("--onnx", action="store_true", help="the exported graphs beside torch, too")
    parser.add_argument("--json", type=Path, help="write the figures here as JSON")
    options = parser.parse_args()
    prepare(options.threads)
    shape = SHAPES[options.size]
    figures: dict[str, Any] = {"machine": _machine(options), "rows": {}}
    console = Console(width=120)
    for attention in options.attention:
        peaks = {name: peak_memory(name, shape, attention, options) for name in MODELS}
        rows = measure(shape, attention, options)
        figures["rows"][attention] = {"peak_memory_mb": peaks, "tasks": rows}
        console.print(_table(f"{options.size}, {attention}, {options.device}, {options.dtype}", rows, peaks))
    if options.onnx:
        figures["onnx"] = measure_onnx(shape, options)
        console.print(_onnx_table(figures["onnx"]))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


def prepare(threads: int) -> None:
    """Set up the process, alike for all models."""
    torch.set_num_threads(threads)
    transformers_logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    if sys.platform == "linux":
        # Large tensors are else given back to the system and asked for again at each step, a fifth of the time.
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            libc.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
            libc.mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD


def _machine(options: argparse.Namespace) -> dict[str, Any]:
    import transformers

    return {
        "device": torch.cuda.get_device_name() if options.device == "cuda" else "cpu",
        "threads": options.threads,
        "repeats": options.repeats,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def build(name: str, shape: Shape, attention: str) -> Any:
    """Return a model with random weights."""
    torch.manual_seed(0)
    common = {"vocab_size": shape.vocabulary, "hidden_size": shape.hidden, "attn_implementation": attention}
    encoder = BertConfig(
        **common, num_hidden_layers=shape.layers, num_attention_heads=shape.heads, hidden_dropout_prob=0.0,
        intermediate_size=4 * shape.hidden, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    gpt2 = GPT2Config(
        vocab_size=shape.vocabulary, n_embd=shape.hidden, n_layer=shape.layers, n_head=shape.heads,
        n_positions=shape.positions, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, is_decoder=True,
        add_cross_attention=True, attn_implementation=attention,
    )  # fmt: skip
    tokens = {"pad_token_id": 0, "decoder_start_token_id": START}
    if name == REFERENCE:
        config = EncoderDecoderConfig(encoder=encoder.to_dict(), decoder=gpt2.to_dict(), **tokens)
        config._attn_implementation = attention
        return EncoderDecoderModel(config)
    neo = CrossGPTNeoConfig(
        **common, num_layers=shape.layers, num_heads=shape.heads, max_position_embeddings=shape.positions,
        attention_types=[[["global", "local"], shape.layers // 2]], cross_attention_hidden_size=shape.hidden,
    )  # fmt: skip
    fusion = FusionConfig(encoder=encoder, decoder=neo if name.endswith("Neo") else gpt2, **tokens)
    fusion._attn_implementation = attention
    return FusionModel(fusion)


def tasks(options: argparse.Namespace) -> list[Task]:
    """Return the rows, smaller ones if that is wished."""
    if not options.quick:
        return list(TASKS)
    return [replace(task, batch=max(1, task.batch // 2), targets=task.targets // 2) for task in TASKS]


def inputs_of(name: str, task: Task, shape: Shape, device: str) -> dict[str, torch.Tensor]:
    """Return what a model reads in a row, the same tokens for each."""
    size = (task.batch, task.passages, task.tokens)
    tokens = torch.randint(1000, shape.vocabulary, size, generator=torch.Generator().manual_seed(1)).to(device)
    if name == REFERENCE:
        joined = tokens.flatten(1)[:, :512]
        return {"input_ids": joined, "attention_mask": torch.ones_like(joined)}
    sources = torch.arange(1, task.passages + 1, device=device).expand(size[:2])
    kinds = torch.zeros_like(sources)
    return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), "sources": sources, "kinds": kinds}


def training(model: Any, name: str, task: Task, shape: Shape, options: argparse.Namespace) -> Callable[[], object]:
    """Return a step of training."""
    device = options.device
    given = inputs_of(name, task, shape, device)
    size = (task.batch, task.targets)
    labels = torch.randint(1000, shape.vocabulary, size, generator=torch.Generator().manual_seed(2)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
    half = options.dtype == "bfloat16"

    def step() -> None:
        model.train()
        with torch.autocast(device, torch.bfloat16) if half else nullcontext():
            loss = model(**given, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def writing(model: Any, name: str, task: Task, shape: Shape, options: argparse.Namespace) -> Callable[[], object]:
    """Return a call of generation that writes as many tokens as the row says, whichever they are."""
    given = inputs_of(name, task, shape, options.device)
    model.generation_config.eos_token_id = None

    def write() -> torch.Tensor:
        model.eval()
        return model.generate(
            **given, max_new_tokens=task.targets, do_sample=False, num_beams=task.beams, early_stopping=False
        )

    if write().shape[-1] != task.targets + 1:
        raise ValueError(f"{name} stops before {task.targets} tokens")
    return write


def measure(shape: Shape, attention: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of each row."""
    models = {name: build(name, shape, attention).to(options.device) for name in MODELS}
    rows = {}
    for task in tasks(options):
        if task.beams and options.dtype == "bfloat16":
            models = {name: model.bfloat16() for name, model in models.items()}
        made = writing if task.beams else training
        calls = {name: made(model, name, task, shape, options) for name, model in models.items()}
        spent = interleaved(calls, options.repeats, options.device)
        rows[task.name] = _row(task, spent, "wall_s" if options.device == "cuda" else "cpu_s")
    return rows


def interleaved(
    calls: Mapping[str, Callable[[], object]], repeats: int, device: str
) -> dict[str, dict[str, list[float]]]:
    """Return the seconds of each repetition of each call, in turns, after one that is not counted."""
    spent: dict[str, dict[str, list[float]]] = {name: {"cpu_s": [], "wall_s": []} for name in calls}
    for turn in range(-1, repeats):
        for name in list(calls)[:: -1 if turn % 2 else 1]:
            _wait(device)
            cpu, wall = time.process_time(), time.perf_counter()
            calls[name]()
            _wait(device)
            if turn >= 0:
                spent[name]["cpu_s"].append(time.process_time() - cpu)
                spent[name]["wall_s"].append(time.perf_counter() - wall)
    return spent


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _row(task: Task, spent: Mapping[str, Mapping[str, list[float]]], clock: str) -> dict[str, Any]:
    """Return medians, and ratios to the reference: above 1 is faster."""
    row: dict[str, Any] = {"written": task.written, "models": {}}
    for name, seconds in spent.items():
        ratios = [theirs / ours for theirs, ours in zip(spent[REFERENCE][clock], seconds[clock], strict=True)]
        tokens = (0 if task.beams else task.read(name)) + task.written
        ratio = statistics.median(ratios)
        row["models"][name] = {
            "cpu_s": statistics.median(seconds["cpu_s"]),
            "wall_s": statistics.median(seconds["wall_s"]),
            "read": task.read(name),
            "written_per_s": task.written / statistics.median(seconds[clock]),
            "ratio": ratio,
            # Of all tokens, read and written, where theirs reads fewer.
            "ratio_tokens": ratio * tokens / ((0 if task.beams else task.read(REFERENCE)) + task.written),
        }
    return row


def peak_memory(name: str, shape: Shape, attention: str, options: argparse.Namespace) -> float:
    """Return the most memory that training takes, MB: of a process of its own, or of the GPU."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_train_alone, (name, shape, attention, options))


def _train_alone(name: str, shape: Shape, attention: str, options: argparse.Namespace) -> float:
    prepare(options.threads)
    before = _resident()
    step = training(build(name, shape, attention).to(options.device), name, tasks(options)[0], shape, options)
    for _ in range(2):
        step()
    if options.device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return _resident() - before


def _resident() -> float:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 2**20 if sys.platform == "darwin" else most / 1024


def measure_onnx(shape: Shape, options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of the graphs beside torch's: greedy, for one and for eight questions."""
    from odqa.models.export import write_graphs
    from odqa.models.onnx_reader import OnnxGenerator

    name = "ours GPT-Neo"
    model = build(name, shape, "sdpa").eval()
    figures: dict[str, Any] = {"rows": {}, "mb": {"torch": sum(p.numel() for p in model.parameters()) * 4 / 2**20}}
    with tempfile.TemporaryDirectory() as folder:
        graphs = {}
        for kind in ("float32", "int8"):
            files = write_graphs(model, Path(folder) / kind, int8=kind == "int8")
            figures["mb"][kind] = sum(file.stat().st_size for file in files) / 2**20
            graphs[kind] = OnnxGenerator(Path(folder) / kind, threads=options.threads)
        for task in tasks(options):
            if task.beams == 1:
                figures["rows"][task.name] = _onnx_row(model, graphs, task, shape, options)
    return figures


def _onnx_row(
    model: Any, graphs: Mapping[str, Any], task: Task, shape: Shape, options: argparse.Namespace
) -> dict[str, Any]:
    given = {key: value.numpy() for key, value in inputs_of("ours GPT-Neo", task, shape, "cpu").items()}

    def of(graph: Any) -> Callable[[], object]:
        return lambda: graph.generate(given, task.targets, stop=False)

    calls = {"torch": writing(model, "ours GPT-Neo", task, shape, options)}
    calls |= {kind: of(graph) for kind, graph in graphs.items()}
    spent = interleaved(calls, options.repeats, "cpu")
    return {
        kind: {
            "cpu_s": statistics.median(seconds["cpu_s"]),
            "wall_s": statistics.median(seconds["wall_s"]),
            "written_per_s": task.written / statistics.median(seconds["cpu_s"]),
            "ratio": statistics.median(
                torchs / its for torchs, its in zip(spent["torch"]["cpu_s"], seconds["cpu_s"], strict=True)
            ),
        }
        for kind, seconds in spent.items()
    }


def _table(title: str, rows: Mapping[str, Any], peaks: Mapping[str, float]) -> Table:
    table = Table(title=title, title_justify="left")
    for head in ("row", "model", "CPU-s", "wall s", "tokens read", "written/s", "ratio", "ratio, all tokens"):
        table.add_column(head, justify="left" if head in {"row", "model"} else "right")
    for task, row in rows.items():
        for place, (name, one) in enumerate(row["models"].items()):
            table.add_row(
                "" if place else task, name, f"{one['cpu_s']:.3f}", f"{one['wall_s']:.3f}", str(one["read"]),
                f"{one['written_per_s']:.1f}", f"{one['ratio']:.2f}", f"{one['ratio_tokens']:.2f}",
            )  # fmt: skip
        table.add_section()
    for place, (name, peak) in enumerate(peaks.items()):
        ratio = f"{peaks[REFERENCE] / peak:.2f}"
        table.add_row("" if place else "peak of training, MB", name, "", "", "", f"{peak:.0f}", ratio, "")
    return table


def _onnx_table(figures: Mapping[str, Any]) -> Table:
    table = Table(title="exported graphs, GPT-Neo decoder", title_justify="left")
    for head in ("row", "run by", "CPU-s", "wall s", "written/s", "ratio to torch", "MB on disk"):
        table.add_column(head, justify="left" if head in {"row", "run by"} else "right")
    for task, row in figures["rows"].items():
        for place, (kind, one) in enumerate(row.items()):
            table.add_row(
                "" if place else task, kind, f"{one['cpu_s']:.3f}", f"{one['wall_s']:.3f}",
                f"{one['written_per_s']:.1f}", f"{one['ratio']:.2f}", f"{figures['mb'][kind]:.0f}",
            )  # fmt: skip
    return table


if __name__ == "__main__":
    main()
