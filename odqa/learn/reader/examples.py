"""What the reader learns from: a question, sources, and sentences that each cite some of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.reader.neural.sources import asked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.reader.neural.inputs import FusionTokenizer, Source


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of an answer.

    Attributes:
        text: without marks.
        numbers: of the sources that carry it.
        weight: what its tokens count in the loss; 0 leaves it to be read, not learned.
    """

    text: str
    numbers: tuple[int, ...] = ()
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Example:
    """A question with its sources and an answer.

    Attributes:
        question: as asked.
        sources: passages, in any order.
        said: the answer, sentence by sentence.
        group: examples of one group are held out together: a document, a question.
        kind: what it was made from: `sentences`, `summary`, `question`, `draft`.
    """

    question: str
    sources: tuple[Source, ...]
    said: tuple[Said, ...]
    group: str
    kind: str = "question"

    @property
    def words(self) -> int:
        """Words of the answer."""
        return sum(len(one.text.split()) for one in self.said)

    @property
    def answer(self) -> str:
        """The answer with its marks."""
        return " ".join(marked(one) for one in self.said)


def marked(said: Said) -> str:
    """Return a sentence with the marks of its sources behind it."""
    return " ".join([said.text, *(f"[{number}]" for number in said.numbers)])


def tokenized(example: Example, tokenizer: FusionTokenizer) -> Mapping[str, NDArray[np.int32]]:
    """Return an example as flat arrays: those of `FusionTokenizer.sources`, `target`, and `weights` in percent.

    Args:
        example: whose answer is cut where it is longer than the tokenizer's limit.
        tokenizer: of the model that learns.
    """
    target: list[int] = []
    weights: list[int] = []
    for one in example.said:
        tokens = tokenizer.target(marked(one), first=not target)[:-1]
        target += tokens
        weights += [round(100 * one.weight)] * len(tokens)
    room = tokenizer.max_target - 1
    whole = len(target) <= room
    # An answer that was cut does not end there, so its last token is not the end.
    target, weights = [*target[:room], tokenizer.end], [*weights[:room], 100 * whole]
    arrays = dict(tokenizer.sources(asked(example.question, example.words), example.sources))
    return {**arrays, "target": np.array(target, np.int32), "weights": np.array(weights, np.int32)}


def length_of(arrays: Mapping[str, Any]) -> int:
    """Return what an example costs, in tokens: the decoder's are learned from, and so count more than those read."""
    return int(len(arrays["tokens"]) + 2 * len(arrays["target"]))
