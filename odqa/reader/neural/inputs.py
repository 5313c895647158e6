"""Questions, passages and answers as tokens: two vocabularies, marks of sources, and what may be copied from where.

A passage is read beside the question: `[CLS] question [SEP] title, section: text [SEP]`. An answer cites a source by a
mark, one token of the decoder's vocabulary for each number. Where both vocabularies are one, as with MiniLM's for a
decoder trained from scratch, every token of a passage can be copied as it is; else the passage is tokenized a second
time for the decoder, and each of its tokens is tied to the encoder's token at the same character.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from odqa import fs
from odqa.errors import ModelError, UsageError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    Tokens = NDArray[np.int32]

FILE = "inputs.json"
_FOLDERS = ("encoder_tokenizer", "decoder_tokenizer")
_MARK = re.compile(r"\s*\[(\d{1,4})\]")
_NOTHING = -100


@dataclass(frozen=True, slots=True)
class Source:
    """One passage, or structured summary, as the model reads it.

    Attributes:
        number: as the answer cites it, from 1; 0 for what cannot be cited.
        head: where it stands: title, section.
        text: what it says.
        summary: a structured summary: read, neither cited nor copied.
    """

    number: int
    head: str
    text: str
    summary: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read and written, in tokens.

    Attributes:
        question: longest question; its beginning is kept.
        passage: longest row: question, passage and what lies between; the end of the passage is cut.
        target: longest answer, its end included.
    """

    question: int = 48
    passage: int = 192
    target: int = 384


class FusionTokenizer:
    """Turns questions with sources into what `FusionModel.encode` takes, and answers into targets and back."""

    def __init__(
        self,
        encoder: Any,
        decoder: Any,
        marks: Sequence[str],
        limits: Limits | None = None,
        *,
        summaries: bool = False,
    ) -> None:
        """Take two tokenizers.

        Args:
            encoder: fast tokenizer of the encoder.
            decoder: fast tokenizer of the decoder; the same object where they share a vocabulary.
            marks: the token that stands for each number, from 1; in the decoder's vocabulary.
            limits: how much is read and written.
            summaries: whether the model was taught with structured summaries beside the passages.

        Raises:
            UsageError: a mark is no token of the decoder's.
        """
        self.encoder, self.decoder, self.marks = encoder, decoder, tuple(marks)
        self.limits = limits or Limits()
        self.summaries = summaries
        vocabulary = decoder.get_vocab()
        if missing := [mark for mark in self.marks if mark not in vocabulary]:
            raise UsageError(f"the decoder's vocabulary has no token {missing[0]!r}", "add the marks to it first")
        self._mark_ids = [vocabulary[mark] for mark in self.marks]
        self._numbers = {token: number for number, token in enumerate(self._mark_ids, 1)}
        self.shared = encoder is decoder or encoder.get_vocab() == vocabulary
        self.end = int(decoder.sep_token_id if decoder.eos_token_id is None else decoder.eos_token_id)
        self.start = int(next(t for t in (decoder.cls_token_id, decoder.bos_token_id, self.end) if t is not None))

    @property
    def mark_tokens(self) -> tuple[int, ...]:
        """Tokens of the decoder's vocabulary that stand for sources, from 1."""
        return tuple(self._mark_ids)

    @property
    def max_target(self) -> int:
        """Most tokens of an answer, its end included."""
        return self.limits.target

    def sources(self, question: str, sources: Sequence[Source]) -> dict[str, Tokens]:
        """Return a question with its sources as flat arrays, which `collate` puts together.

        Args:
            question: as asked.
            sources: passages and summaries, in any order.

        Returns:
            `tokens` of all rows with their number in `lengths`; `numbers` and `kinds` of the rows; `copy_tokens`,
            `copy_places` with their number in `copy_lengths`; int32.

        Raises:
            UsageError: a number above the number of marks.
        """
        if wrong := [source.number for source in sources if source.number > len(self.marks)]:
            raise UsageError(f"source number {wrong[0]} is above the {len(self.marks)} that this model can cite")
        asked = self._plain(self.encoder, question)[: self.limits.question]
        rows = [self._row(asked, source) for source in sources]
        return {
            "tokens": _flat(row.tokens for row in rows),
            "lengths": _flat([len(row.tokens)] for row in rows),
            "numbers": _flat([source.number] for source in sources),
            "kinds": _flat([int(source.summary)] for source in sources),
            "copy_tokens": _flat(row.copied for row in rows),
            "copy_places": _flat(row.places for row in rows),
            "copy_lengths": _flat([len(row.copied)] for row in rows),
        }

    def inputs(self, questions: Sequence[str], sources: Sequence[Sequence[Source]]) -> dict[str, torch.Tensor]:
        """Return the arguments of `FusionModel.encode`.

        Args:
            questions: as asked.
            sources: of each.
        """
        return collate([self.sources(*one) for one in zip(questions, sources, strict=True)])

    def target(self, text: str, *, first: bool = True) -> list[int]:
        """Return an answer as tokens; `[3]` becomes the mark of source 3, and the end is marked.

        Args:
            text: with marks of sources behind what they carry. Marks that stand for no source are left out.
            first: whether nothing stands before it, which matters to vocabularies whose words begin with a space.
        """
        tokens: list[int] = []
        place = 0
        for found in _MARK.finditer(text):
            tokens += self._written(text[place : found.start()], first=first and not tokens)
            number = int(found.group(1))
            tokens += self._mark_ids[number - 1 : number] if number else []
            place = found.end()
        tokens += self._written(text[place:], first=first and not tokens)
        return [*tokens[: self.limits.target - 1], self.end]

    def text(self, tokens: Sequence[int]) -> str:
        """Return tokens as text, up to the end; marks as `[3]`, spaced as the vocabulary has it."""
        written = [int(token) for token in tokens]
        if written[:1] == [self.start]:
            written = written[1:]
        if self.end in written:
            written = written[: written.index(self.end)]
        parts: list[str] = []
        for number, run in groupby(written, key=self._numbers.get):
            if number is None:
                parts.append(self.decoder.decode(list(run), skip_special_tokens=True).strip())
            else:
                parts.append(f"[{number}]")
        return " ".join(part for part in parts if part)

    def _row(self, asked: Sequence[int], source: Source) -> _Row:
        head = f"{source.head}: " if source.head else ""
        text = head + source.text
        before = [self.encoder.cls_token_id, *asked, self.encoder.sep_token_id]
        room = max(0, self.limits.passage - len(before) - 1)
        found = self.encoder(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        read, offsets = found["input_ids"][:room], found["offset_mapping"][:room]
        tokens = [*before, *read, self.encoder.sep_token_id]
        if source.summary or not read:
            return _Row(tokens, [], [])
        mark = self._mark_ids[source.number - 1 : source.number] if source.number else []
        if self.shared:
            copied, places = list(read), list(range(len(before), len(before) + len(read)))
        else:
            copied, places = self._aligned(text, [start for start, _ in offsets], offsets[-1][1], len(before))
        # What stands over a passage says where it is, and is no part of what it says.
        titled = sum(place < len(before) + bisect_left(offsets, (len(head), 0)) for place in places)
        copied, places = copied[titled:], places[titled:]
        # The mark is tied to [CLS]: to cite a source is to point at it as a whole.
        return _Row(tokens, [*mark, *copied], [*[0] * len(mark), *places])

    def _aligned(self, text: str, starts: Sequence[int], end: int, shift: int) -> tuple[list[int], list[int]]:
        """Return the decoder's tokens of a text, and the encoder's token that stands where each begins."""
        # With a space before it, the first word is tokenized as it would be within a sentence.
        found = self.decoder(f" {text}", add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        tokens: list[int] = []
        places: list[int] = []
        for token, (start, stop) in zip(found["input_ids"], found["offset_mapping"], strict=True):
            at = min(start + (f" {text}"[start:stop].startswith(" ") and stop > start), stop) - 1
            if at >= end:
                break
            tokens.append(token)
            places.append(shift + max(0, bisect_right(starts, at) - 1))
        return tokens, places

    def _written(self, text: str, *, first: bool) -> list[int]:
        text = text.strip()
        if not text:
            return []
        return self._plain(self.decoder, text if self.shared or first else f" {text}")

    @staticmethod
    def _plain(tokenizer: Any, text: str) -> list[int]:
        tokens: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return tokens

    def save(self, folder: Path) -> None:
        """Write the tokenizers and what is beside them into a folder."""
        for name, tokenizer in zip(_FOLDERS, (self.encoder, self.decoder), strict=True):
            if name == _FOLDERS[0] or tokenizer is not self.encoder:
                tokenizer.save_pretrained(folder / name)
        body = {
            "marks": self.marks,
            "limits": asdict(self.limits),
            "one_tokenizer": self.decoder is self.encoder,
            "summaries": self.summaries,
        }
        fs.write_atomic(folder / FILE, (json.dumps(body) + "\n").encode())

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ModelError: the folder does not hold it.
        """
        from transformers import AutoTokenizer

        try:
            body = json.loads((folder / FILE).read_text("utf-8"))
            encoder: Any = AutoTokenizer.from_pretrained(folder / _FOLDERS[0], trust_remote_code=False)
            decoder: Any = encoder
            if not body["one_tokenizer"]:
                decoder = AutoTokenizer.from_pretrained(folder / _FOLDERS[1], trust_remote_code=False)
            summaries = bool(body.get("summaries", False))
            return cls(encoder, decoder, body["marks"], Limits(**body["limits"]), summaries=summaries)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{folder} holds no tokenizers of a reader: {error}", "train it again") from error


@dataclass(frozen=True, slots=True)
class _Row:
    tokens: Sequence[int]
    copied: Sequence[int]
    places: Sequence[int]


def reads_summaries(folder: Path) -> bool:
    """Tell whether the model of a folder was taught with structured summaries, without loading it.

    Raises:
        ModelError: the folder does not say.
    """
    try:
        return bool(json.loads((folder / FILE).read_text("utf-8")).get("summaries", False))
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{folder} holds no tokenizers of a reader: {error}", "train it again") from error


def marks_for(decoder: Any, count: int) -> list[str]:
    """Return tokens that can stand for sources: unused ones of the vocabulary, else new ones that are added to it.

    Args:
        decoder: tokenizer of the decoder; changed where it has no unused tokens, and then the decoder's embeddings
            have to be resized to `len(decoder)`.
        count: marks wanted.
    """
    vocabulary = decoder.get_vocab()
    unused = [f"[unused{number}]" for number in range(1, count + 1)]
    if all(token in vocabulary for token in unused):
        return unused
    added = [f"<|source_{number}|>" for number in range(1, count + 1)]
    decoder.add_tokens(added, special_tokens=True)
    return added


def collate(examples: Sequence[Mapping[str, Tokens]]) -> dict[str, torch.Tensor]:
    """Return examples of `FusionTokenizer.sources` as the tensors that `FusionModel.encode` takes.

    Args:
        examples: whose passages and tokens may be of any number; padded to the longest.
    """
    import torch

    rows = max(1, *(len(one["lengths"]) for one in examples))
    tokens = _padded(examples, "tokens", "lengths", rows, 0)
    mask = _padded([{**one, "ones": np.ones_like(one["tokens"])} for one in examples], "ones", "lengths", rows, 0)
    copied = _padded(examples, "copy_tokens", "copy_lengths", rows, _NOTHING)
    places = _padded(examples, "copy_places", "copy_lengths", rows, 0)
    whole = {
        "input_ids": tokens,
        "attention_mask": mask,
        "sources": _beside(examples, "numbers", rows),
        "kinds": _beside(examples, "kinds", rows),
        "copy_tokens": copied,
        "copy_places": places,
    }
    return {name: torch.from_numpy(value.astype(np.int64)) for name, value in whole.items()}


def collate_targets(targets: Sequence[Tokens]) -> torch.Tensor:
    """Return answers as labels, −100 behind the end of each, shape (batch, longest)."""
    import torch

    labels = np.full((len(targets), max(len(one) for one in targets)), _NOTHING, np.int64)
    for row, one in zip(labels, targets, strict=True):
        row[: len(one)] = one
    return torch.from_numpy(labels)


def _padded(examples: Sequence[Mapping[str, Tokens]], name: str, lengths: str, rows: int, fill: int) -> Tokens:
    longest = max(1, *(int(one[lengths].max(initial=0)) for one in examples))
    whole = np.full((len(examples), rows, longest), fill, np.int32)
    for example, one in zip(whole, examples, strict=True):
        place = 0
        for row, length in zip(example, one[lengths].tolist(), strict=False):
            row[:length] = one[name][place : place + length]
            place += length
    return whole


def _beside(examples: Sequence[Mapping[str, Tokens]], name: str, rows: int) -> Tokens:
    whole = np.zeros((len(examples), rows), np.int32)
    for row, one in zip(whole, examples, strict=True):
        row[: len(one[name])] = one[name]
    return whole


def _flat(parts: Iterator[Sequence[int]] | Any) -> Tokens:
    return np.fromiter((value for part in parts for value in part), np.int32)
