"""Writing with the graphs of `odqa.models.export`: onnxruntime and numpy, no torch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.errors import LimitError, ModelError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

ENCODER_FILE = "encoder.onnx"
DECODER_FILE = "decoder.onnx"
GRAPHS_FILE = "graphs.json"
FORMAT = 2
"""Of the graphs; since 2 the decoder's gives the logits behind every token, not only the last."""
_ROWS_AT_ONCE = 32  # passages that go through the encoder together; bounds memory


@dataclass(frozen=True, slots=True)
class _Graphs:
    """What `graphs.json` says: of tokens, and of sizes."""

    format: int
    start: int
    ends: tuple[int, ...]
    padding: int
    positions: int
    passage: int | None
    sources: int
    layers: int
    pointer: bool

    @classmethod
    def read(cls, folder: Path) -> _Graphs:
        """Read a folder's.

        Raises:
            ModelError: there is none, or it is damaged.
        """
        file = folder / GRAPHS_FILE
        try:
            body = json.loads(file.read_text("utf-8"))
            whole = cls(**{**body, "ends": tuple(body["ends"])})
        except FileNotFoundError as error:
            remedy = "`odqa models export NAME --format onnx` makes one"
            raise ModelError(f"{folder} holds no exported reader", remedy) from error
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ModelError(f"{file} is damaged: {error}", "export the reader again") from error
        if whole.format != FORMAT:
            raise ModelError(f"{folder}: graphs of format {whole.format}, not {FORMAT}", "export the reader again")
        counts = (whole.start, whole.padding, whole.positions, whole.sources, whole.layers, *whole.ends)
        if not all(type(count) is int and count >= 0 for count in counts):
            raise ModelError(f"{file} is damaged: a number is none", "export the reader again")
        return whole


class OnnxGenerator:
    """An exported reader: writes greedily, keeping what it made of the text so far."""

    def __init__(self, folder: Path, *, threads: int = 0) -> None:
        """Open the graphs.

        Args:
            folder: that `export_onnx` wrote.
            threads: that onnxruntime may take; 0 takes as many as there are cores.

        Raises:
            ModelError: the folder holds no graphs, or they are damaged.
        """
        import onnxruntime

        self.folder, self.graphs = folder, _Graphs.read(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._encoder, self._decoder = (
                onnxruntime.InferenceSession(str(folder / name), options, providers=["CPUExecutionProvider"])
                for name in (ENCODER_FILE, DECODER_FILE)
            )
        except Exception as error:  # Its exceptions have no common class of their own.
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ModelError(f"{folder}: the graphs cannot be opened: {reason}", "export the reader again") from error
        pasts = [one for one in self._decoder.get_inputs() if one.name.startswith("past.")]
        if len(pasts) != 2 * self.graphs.layers:
            raise ModelError(f"{folder}: decoder.onnx and graphs.json do not belong together", "export it again")
        self._heads, self._size = int(pasts[0].shape[1]), int(pasts[0].shape[3])

    def generate(self, inputs: Mapping[str, Any], max_new_tokens: int, *, stop: bool = True) -> NDArray[np.int64]:
        """Write texts, always the likeliest token; `FusionModel.generate` does the same without beams.

        Args:
            inputs: what `FusionTokenizer.inputs` gives, or the same as arrays; see `FusionModel.encode`.
            max_new_tokens: most tokens of a text.
            stop: when all texts have come to their end; else they go on beyond it.

        Returns:
            Tokens, the first of each text being the start, padding behind the end; shape (batch, positions).

        Raises:
            UsageError: not one token is asked for, or inputs are missing.
            LimitError: more tokens than the decoder has positions, passages longer than the encoder has, or numbers of
                sources above the model's.
        """
        if max_new_tokens < 1:
            raise UsageError(f"{max_new_tokens} new tokens are none", "ask for one at least")
        self._check_positions(max_new_tokens)  # The last token that is written is not read again.
        memory = self.read(inputs)
        batch = len(memory["memory_mask"])
        whole = np.full((batch, max_new_tokens + 1), self.graphs.padding, np.int64)
        whole[:, 0] = self.graphs.start
        done = np.zeros(batch, bool)
        past = self.nothing(batch)
        for place in range(1, max_new_tokens + 1):
            logits, past = self.step(memory, whole[:, place - 1 : place], past)
            whole[~done, place] = logits[:, -1].argmax(-1)[~done]
            if stop:
                done |= np.isin(whole[:, place], self.graphs.ends)
                if done.all():
                    return whole[:, : place + 1]
        return whole

    def log_probabilities(self, inputs: Mapping[str, Any], tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the log of the probability of every token of the vocabulary behind each token of given texts.

        Args:
            inputs: as in `generate`.
            tokens: of the texts, start included, none of them padding; shape (batch, positions).

        Returns:
            Shape (batch, positions, vocabulary).

        Raises:
            UsageError: inputs are missing.
            LimitError: as in `generate`.
        """
        self._check_positions(tokens.shape[1])
        memory = self.read(inputs)
        logits, _ = self.step(memory, tokens, self.nothing(len(tokens)))
        shifted: NDArray[np.float32] = logits - logits.max(-1, keepdims=True)
        shifted -= np.log(np.exp(shifted).sum(-1, keepdims=True))
        return shifted

    def _check_positions(self, length: int) -> None:
        if length > self.graphs.positions:
            raise LimitError(
                f"a text of {length} tokens is longer than the {self.graphs.positions} positions of this decoder",
                "write less at once",
            )

    def nothing(self, batch: int) -> list[NDArray[np.float32]]:
        """Return what `step` keeps of texts that have not begun."""
        empty = np.zeros((batch, self._heads, 0, self._size), np.float32)
        return [empty] * (2 * self.graphs.layers)

    def step(
        self, memory: Arrays, tokens: NDArray[np.int64], past: list[NDArray[np.float32]]
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Return the logits behind each of some tokens, and what is to be kept of the texts with them.

        Args:
            memory: what `read` gave, a row for each text.
            tokens: the next ones, shape (batch, positions).
            past: what was kept of the tokens before: keys and values of each layer, shape (batch, heads, positions so
                far, size of a head).

        Returns:
            Logits, shape (batch, positions, vocabulary), with a copy path the logs of probabilities; and keys and
            values again.
        """
        names = (f"past.{layer}.{part}" for layer in range(self.graphs.layers) for part in ("key", "value"))
        given = {**memory, "decoder_input_ids": tokens, **dict(zip(names, past, strict=True))}
        logits, *kept = self._decoder.run(None, given)
        return logits, kept

    def read(self, inputs: Mapping[str, Any]) -> Arrays:
        """Return what the decoder's graph takes of the sources: all of an example behind each other, then padding.

        Args:
            inputs: as in `generate`.

        Raises:
            UsageError: inputs are missing.
            LimitError: passages longer than the encoder has positions for, or numbers of sources above the model's.
        """
        given = self._checked(inputs)
        mask = given["attention_mask"].astype(bool)
        batch = len(mask)
        there = mask.sum((1, 2))
        longest = max(1, int(there.max(initial=0)))
        shape = (batch, self._heads, longest, self._size)
        kept = [np.zeros(shape, np.float32) for _ in range(2 * self.graphs.layers)]
        copies = _Copies(given, mask) if self.graphs.pointer else None
        filled = np.zeros(batch, np.int64)
        for examples, passages in _chunks(mask):
            *made, keys = self._rows(given, mask, examples, passages)
            for row, (example, passage) in enumerate(zip(examples, passages, strict=True)):
                inside = np.flatnonzero(mask[example, passage])
                first = filled[example]
                filled[example] += len(inside)
                for whole, part in zip(kept, made, strict=True):
                    whole[example, :, first : first + len(inside)] = part[row][:, inside]
                if copies is not None:
                    copies.add(example, passage, keys[row])
        names = (f"memory.{layer}.{part}" for layer in range(self.graphs.layers) for part in ("key", "value"))
        result: Arrays = {"memory_mask": np.arange(longest) < there[:, None], **dict(zip(names, kept, strict=True))}
        return result if copies is None else result | copies.whole(self._heads * self._size)

    def _rows(
        self, given: Arrays, mask: NDArray[np.bool_], examples: NDArray[np.intp], passages: NDArray[np.intp]
    ) -> list[NDArray[np.float32]]:
        """Return the encoder's outputs for some passages, and last the keys for copying, if there are any."""
        some = mask[examples, passages]
        length = int(np.flatnonzero(some.any(0))[-1]) + 1  # Behind it there is padding alone.
        rows = {name: given[name][examples, passages] for name in ("input_ids", "attention_mask")}
        rows = {name: value[:, :length] for name, value in rows.items()}
        rows |= {name: given[name][examples, passages] for name in ("sources", "kinds")}
        if not self.graphs.pointer:
            return [*self._encoder.run(None, rows), np.zeros((len(examples), 0, 0), np.float32)]
        rows["copy_tokens"] = given["copy_tokens"][examples, passages]
        # What stands in padding is left out afterwards.
        rows["copy_places"] = np.clip(given["copy_places"][examples, passages], 0, length - 1)
        outputs: list[NDArray[np.float32]] = self._encoder.run(None, rows)
        return outputs

    def _checked(self, inputs: Mapping[str, Any]) -> Arrays:
        try:
            given = {name: np.asarray(value, np.int64) for name, value in inputs.items()}
            tokens, mask = given["input_ids"], given["attention_mask"]
        except KeyError as error:
            raise UsageError(f"the inputs have no {error}", "give what FusionTokenizer.inputs returns") from error
        if tokens.ndim != 3 or tokens.shape != mask.shape:
            raise UsageError("input_ids and attention_mask must be of shape (batch, passages, tokens)")
        batch, passages, length = tokens.shape
        if self.graphs.passage is not None and length > self.graphs.passage:
            raise LimitError(
                f"a passage of {length} tokens is longer than the encoder's {self.graphs.passage} positions",
                "cut passages to fewer tokens",
            )
        nothing = np.zeros((batch, passages), np.int64)
        given = {"sources": nothing, "kinds": nothing, **given}
        if (highest := int(given["sources"].max(initial=0))) > self.graphs.sources:
            raise LimitError(
                f"passage number {highest} is above the model's {self.graphs.sources}",
                "give fewer passages, or number those beyond it 0",
            )
        if self.graphs.pointer and not {"copy_tokens", "copy_places"} <= given.keys():
            given |= {"copy_tokens": nothing[..., None] - 1, "copy_places": nothing[..., None]}
        return given


class _Copies:
    """Gathers what may be copied, all of an example behind each other."""

    def __init__(self, given: Arrays, mask: NDArray[np.bool_]) -> None:
        places = np.maximum(given["copy_places"], 0)
        self._tokens = given["copy_tokens"]
        self._valid = (self._tokens >= 0) & np.take_along_axis(mask, places, -1)
        self._keys: list[list[NDArray[np.float32]]] = [[] for _ in mask]
        self._found: list[list[NDArray[np.int64]]] = [[] for _ in mask]

    def add(self, example: int, passage: int, keys: NDArray[np.float32]) -> None:
        """Take the keys of a passage, shape (copies, size)."""
        valid = self._valid[example, passage]
        self._keys[example].append(keys[valid])
        self._found[example].append(self._tokens[example, passage][valid])

    def whole(self, size: int) -> Arrays:
        """Return keys, tokens and mask, padded to the most that an example has."""
        counts = np.array([sum(map(len, found)) for found in self._found])
        longest = max(1, int(counts.max(initial=0)))
        keys = np.zeros((len(counts), longest, size), np.float32)
        tokens = np.zeros((len(counts), longest), np.int64)
        for example, count in enumerate(counts):
            if count:
                keys[example, :count] = np.concatenate(self._keys[example])
                tokens[example, :count] = np.concatenate(self._found[example])
        return {"copy_keys": keys, "copy_tokens": tokens, "copy_mask": np.arange(longest) < counts[:, None]}


def _chunks(mask: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield the passages that have tokens, some at a time: their examples, and their places in these."""
    examples, passages = np.nonzero(mask.any(-1))
    for start in range(0, len(examples), _ROWS_AT_ONCE):
        yield examples[start : start + _ROWS_AT_ONCE], passages[start : start + _ROWS_AT_ONCE]
