"""A trained encoder–decoder at work: it reads sources once and writes texts about them, the same ones each time."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.errors import ModelError
from odqa.reader.neural.atoms import UNKNOWN

if TYPE_CHECKING:
    import torch

    from odqa.reader.neural.encoder_decoder import FusionModel
    from odqa.reader.neural.graphs import GraphMemory, GraphModel
    from odqa.reader.neural.inputs import FusionTokenizer, Source
    from odqa.reader.neural.pointer import Memory

TOP_P = 0.8
"""Share of the likeliest tokens that chance draws from (nucleus sampling, Holtzman et al. 2020)."""
_TEMPERATURE = 0.6
LEAST_PROBABILITY = 0.15
"""Geometric mean of the probability of a text's tokens below which it is chance and no answer. A model trained
for 44 minutes had .02 to .09 for what made no sense and .19 to .35 for what did; longer drafts have less."""
_REPEATED = 3
"""No run of so many tokens is written twice in one sentence (Paulus et al. 2018)."""
_AHEAD = 4
"""Tokens behind a full stop from which it shows whether a sentence ended there."""
_TOKENS_PER_WORD = 1.6
_SPARE = 16
_FEWEST = 6
"""Tokens of the shortest sentence. The question tells the model how long an answer is wanted; to forbid it to end
before that only makes it ramble."""


@dataclass(frozen=True, slots=True)
class Text:
    """What the model wrote.

    Attributes:
        tokens: of the decoder's vocabulary, the end included where it was written.
        probability: mean probability of the tokens, the geometric one: exp of the mean of their logs.
        is_whole: the model ended it by itself.
    """

    tokens: tuple[int, ...]
    probability: float
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Length:
    """How long a text may be, in tokens, its end included."""

    least: int
    most: int


class Writer:
    """Writes with a trained model; several threads may share it, and wait for each other.

    Args:
        model: ready to write.
        tokenizer: its own.
    """

    def __init__(self, model: FusionModel | GraphModel, tokenizer: FusionTokenizer) -> None:
        self.model: Any = model
        self.tokenizer = tokenizer
        decoder = tokenizer.decoder
        self._marks: list[int] = decoder.convert_tokens_to_ids(list(tokenizer.marks))
        self._unknown = decoder.unk_token_id
        ids = decoder.convert_tokens_to_ids([".", "!", "?"])
        self._ends = frozenset(token for token in ids if token is not None and token != self._unknown)
        special = set(decoder.all_special_ids) | set(self._marks)
        self._silent = sorted(special - {tokenizer.end, self._unknown, *self._marks})
        self._lock = threading.Lock()

    @property
    def most_sources(self) -> int:
        """Sources that can be told apart."""
        return min(len(self._marks), int(self.model.config.sources))

    @property
    def keeps_form(self) -> bool:
        """Whether what the vocabulary writes has capitals and blanks where they belong."""
        said = "It’s Mr. Reed’s, (or Ada’s) at 3.5%."
        return self.tokenizer.text(self.tokenizer.target(said)) == said

    def length(self, words: int) -> Length:
        """Return how many tokens a text of so many words may have."""
        room = min(self.tokenizer.max_target, self.model.positions - 1)
        most = min(round(_TOKENS_PER_WORD * words) + _SPARE, room)
        return Length(min(_FEWEST, words // 2), most)

    def read(self, question: str, sources: Sequence[Source]) -> Reading:
        """Return what the model makes of sources.

        Args:
            question: as the model was taught to read it.
            sources: at most `most_sources`.

        Raises:
            ModelError: the device runs out of memory.
        """
        inputs = {
            name: value.to(self.model.device) for name, value in self.tokenizer.inputs([question], [sources]).items()
        }
        with self._computing(0):
            memory = self.model.encode(**inputs)
        shown = {source.number for source in sources}
        hidden = [token for number, token in enumerate(self._marks, 1) if number not in shown]
        return Reading(memory, int(inputs["attention_mask"].sum()), sorted([*self._silent, *hidden]))

    def texts(self, reading: Reading, count: int, beams: int, length: Length, seed: int) -> list[Text]:
        """Return texts: the likeliest that is found, then others by chance; none that the model hardly believes itself.

        Args:
            reading: what `read` gave.
            count: of texts.
            beams: beginnings that are pursued for the first.
            length: of each.
            seed: of chance; the same seed gives the same texts, whatever else draws numbers.

        Raises:
            ModelError: the device runs out of memory.
        """
        found = self._written(reading, length, seed, num_beams=beams, do_sample=False)
        if count > 1:
            chance: dict[str, Any] = {
                "do_sample": True, "top_p": TOP_P, "top_k": 0, "temperature": _TEMPERATURE,
                "num_return_sequences": count - 1,
            }  # fmt: skip
            found += self._written(reading, length, seed, **chance)
        return [text for text in self.weigh(reading, found) if text.probability >= LEAST_PROBABILITY]

    def stream(self, reading: Reading, beams: int, length: Length, seed: int) -> Iterator[tuple[list[int], bool]]:
        """Yield the tokens of one text so far, each time that a sentence may have ended, and whether it is done.

        The model stops in between, and takes the text up where it was: nothing is written that nobody waits for.

        Args:
            reading: what `read` gave.
            beams: beginnings that are pursued at once.
            length: of the text.
            seed: of chance.

        Raises:
            ModelError: the device runs out of memory.
        """
        so_far: list[int] = []
        while True:
            rest = Length(max(length.least - len(so_far), 0), length.most - len(so_far))
            (written,) = self._written(reading, rest, seed, so_far, is_stepwise=True, num_beams=beams, do_sample=False)
            is_done = written[-1:] == [self.tokenizer.end] or len(written) >= rest.most or not written
            so_far += written
            yield so_far, is_done
            if is_done:
                return

    def weigh(self, reading: Reading, texts: Sequence[Sequence[int]]) -> list[Text]:
        """Return texts with the probability that the model gives them, all in one pass; empty ones are left out.

        Args:
            reading: what `read` gave.
            texts: tokens of each.
        """
        from odqa.reader.neural.inputs import collate_targets

        kept = [list(tokens) for tokens in texts if tokens]
        if not kept:
            return []
        labels = collate_targets([np.array(tokens, np.int32) for tokens in kept]).to(self.model.device)
        with self._computing(0):
            output = self.model(encoder_outputs=reading.memory_of(len(kept)), labels=labels)
        losses = output.token_losses.float().sum(-1).tolist()
        end = self.tokenizer.end
        return [
            Text(tuple(tokens), math.exp(-loss / len(tokens)), tokens[-1] == end)
            for tokens, loss in zip(kept, losses, strict=True)
        ]

    def text(self, tokens: Sequence[int]) -> str:
        """Return tokens as text; words that the vocabulary cannot write are `[UNK]`, marks `[3]`."""
        parts: list[str] = []
        run: list[int] = []
        for token in [*tokens, self.tokenizer.end]:
            if token in (self._unknown, self.tokenizer.end):
                parts.append(self.tokenizer.text(run))
                run = []
                if token == self.tokenizer.end:
                    break
                parts.append(UNKNOWN)
            else:
                run.append(token)
        return " ".join(part for part in parts if part)

    def _written(
        self,
        reading: Reading,
        length: Length,
        seed: int,
        so_far: Sequence[int] = (),
        *,
        is_stepwise: bool = False,
        **chosen: Any,
    ) -> list[list[int]]:
        """Return what the model writes behind the tokens so far, a list for each text; stepwise a sentence."""
        import torch
        from transformers import GenerationConfig

        start = self.model.config.decoder_start_token_id
        prefix = [self.tokenizer.start if start is None else int(start), *so_far]
        config = GenerationConfig(  # type: ignore[no-untyped-call]
            max_new_tokens=length.most,
            min_new_tokens=length.least or None,
            eos_token_id=self.tokenizer.end,
            pad_token_id=self._padding,
            decoder_start_token_id=prefix[0],
            suppress_tokens=reading.silent,
            **chosen,
        )
        guard = _NoRepetition(self._ends)
        stop = [_SentenceEnded(self._ends, len(prefix))] if is_stepwise else []
        with self._computing(seed):
            rows = self.model.generate(
                encoder_outputs=reading.memory_of(1),
                decoder_input_ids=torch.tensor([prefix], device=self.model.device),
                generation_config=config,
                logits_processor=[guard],
                stopping_criteria=stop,
            )
        return [self._own(row[len(prefix) :]) for row in rows.tolist()]

    def _own(self, row: list[int]) -> list[int]:
        """Return what was written, its end included, without what fills the row."""
        if self.tokenizer.end in row:
            return row[: row.index(self.tokenizer.end) + 1]
        return [token for token in row if token != self._padding]

    @property
    def _padding(self) -> int:
        padding = self.model.config.pad_token_id
        return self.tokenizer.end if padding is None else int(padding)

    @contextmanager
    def _computing(self, seed: int) -> Iterator[None]:
        """Compute without gradients, one at a time, with chance of one's own: the application's is left as it was.

        Raises:
            ModelError: the device runs out of memory.
        """
        import torch

        # torch draws all numbers of a device from one generator.
        drawing = [self.model.device] if self.model.device.type == "cuda" else []
        try:
            with self._lock, torch.inference_mode(), torch.random.fork_rng(drawing):
                torch.manual_seed(seed)
                yield
        except torch.OutOfMemoryError as error:
            raise ModelError(
                "the device has too little memory for the reader", "lower drafts or beams, or set device = cpu"
            ) from error


@dataclass(frozen=True, slots=True)
class Reading:
    """Sources as the model has read them.

    Attributes:
        memory: what the decoder attends to, for one text.
        tokens: how many were read.
        silent: tokens that it must not write: marks of sources that it has not read, those without meaning.
    """

    memory: Memory | GraphMemory
    tokens: int
    silent: list[int]

    def memory_of(self, count: int) -> Memory | GraphMemory:
        """Return the memory for so many texts; transformers repeats it in place for beams, so each call has its own."""
        import torch

        values: dict[str, Any] = {
            name: value.repeat_interleave(count, 0) if count > 1 and isinstance(value, torch.Tensor) else value
            for name, value in self.memory.items()
        }
        return type(self.memory)(**values)


class _NoRepetition:
    """Forbids each token that would end a run of tokens which its sentence has already."""

    def __init__(self, ends: frozenset[int]) -> None:
        self._ends = ends

    def __call__(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return scores with −∞ for such tokens, shape (rows, vocabulary)."""
        scores = scores.clone()
        for row, tokens in enumerate(ids.tolist()):
            begin = next((place for place in range(len(tokens), 0, -1) if tokens[place - 1] in self._ends), 1)
            sentence = tokens[begin:]
            opening = tuple(sentence[len(sentence) - _REPEATED + 1 :])
            runs = zip(*(sentence[shift:] for shift in range(_REPEATED)), strict=False)
            if forbidden := [run[-1] for run in runs if run[:-1] == opening]:
                scores[row, forbidden] = float("-inf")
        return scores


class _SentenceEnded:
    """Tells, row by row, that a sentence may have ended a few tokens ago."""

    def __init__(self, ends: frozenset[int], skip: int) -> None:
        self._ends, self._skip = ends, skip

    def __call__(self, ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """Return whether to stop, bool, (rows,)."""
        import torch

        rows = ids[:, self._skip :].tolist()
        ended = [not self._ends.isdisjoint(row[:-_AHEAD]) for row in rows]
        return torch.tensor(ended, dtype=torch.bool, device=ids.device)
