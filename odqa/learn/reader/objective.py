"""What the reader is trained for, and what it is judged by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.evaluate.text import rouge
from odqa.learn.loop import Loss
from odqa.reader.neural.inputs import collate, collate_targets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.reader.neural.encoder_decoder import FusionModel
    from odqa.reader.neural.inputs import FusionTokenizer

    Arrays = Mapping[str, NDArray[Any]]

PERCENT = 100
_SOURCES = ("tokens", "lengths", "numbers", "kinds", "copy_tokens", "copy_places", "copy_lengths")


def likelihood(model: FusionModel) -> Callable[[Sequence[Arrays]], Loss]:
    """Return the loss of a batch: of each token of its answers, weighted as the verifier has it.

    Args:
        model: on its device.
    """
    import torch

    def loss(batch: Sequence[Arrays]) -> Loss:
        device = next(model.parameters()).device
        labels = collate_targets([one["target"] for one in batch]).to(device)
        weights = torch.zeros(labels.shape, device=device)
        for row, one in zip(weights, batch, strict=True):
            row[: len(one["weights"])] = torch.from_numpy(one["weights"] / PERCENT)
        inputs = {name: value.to(device) for name, value in collate(batch).items()}
        losses = model(**inputs, labels=labels).token_losses
        return Loss((losses * weights).sum(), float((labels >= 0).sum()))

    return loss


@dataclass(frozen=True, slots=True)
class Judge:
    """Figures on examples that are held out: how likely the answers are, and how good those are that are written.

    `loss` is the mean over the tokens of the answers; `loss_random` the same with the sources of another example, so
    that what lies between is what the sources are good for. `rouge1`, `rouge2` and `rougeL` are of the texts that the
    model writes, and `cited` the share of these that cite any source, on the first `written` examples.

    Attributes:
        model: that is judged.
        tokenizer: of the model.
        examples: held out.
        written: of them, so many are answered.
        most_tokens: of an answer that is written.
        sample: told a question's tokens as text, the answer written and the one wanted.
    """

    model: FusionModel
    tokenizer: FusionTokenizer
    examples: Sequence[Arrays]
    written: int = 8
    most_tokens: int = 128
    sample: Callable[[str, str, str], None] | None = None

    def __call__(self) -> dict[str, float]:
        """Return the figures."""
        import torch

        self.model.eval()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            figures = {
                "loss": self._loss(self.examples),
                "loss_random": self._loss(_misled(self.examples, self._end_of_question)),
            }
            return figures | self._written()

    def _loss(self, examples: Sequence[Arrays]) -> float:
        loss = likelihood(self.model)
        found = [loss([example]) for example in examples]
        return sum(float(one.total) for one in found) / max(1.0, sum(one.count for one in found))

    def _written(self) -> dict[str, float]:
        device = next(self.model.parameters()).device
        rows: list[Mapping[str, float]] = []
        for example in self.examples[: self.written]:
            inputs = {name: value.to(device) for name, value in collate([example]).items()}
            most = min(self.most_tokens, len(example["target"]) + 16, self.tokenizer.max_target)
            tokens = self.model.generate(**inputs, max_new_tokens=most, do_sample=False)[0].tolist()
            text, wanted = self.tokenizer.text(tokens), self.tokenizer.text(example["target"].tolist())
            if self.sample is not None:
                self.sample(self._asked(example), text, wanted)
            rows.append({**rouge(text, [wanted]), "cited": float("[" in text)})
        return {name: float(np.mean([row[name] for row in rows])) for name in (rows[0] if rows else ())}

    @property
    def _end_of_question(self) -> int:
        return int(self.tokenizer.encoder.sep_token_id)

    def _asked(self, example: Arrays) -> str:
        row = example["tokens"].tolist()
        end = row.index(self._end_of_question) if self._end_of_question in row else 0
        text: str = self.tokenizer.encoder.decode(row[1:end])
        return text


def _misled(examples: Sequence[Arrays], end_of_question: int) -> list[Arrays]:
    """Return examples with the passages of others beside their own questions: random evidence."""
    others = [*examples[1:], *examples[:1]]
    return [_with_passages_of(*pair, end_of_question) for pair in zip(examples, others, strict=True)]


def _with_passages_of(example: Arrays, other: Arrays, end: int) -> Arrays:
    if not len(example["lengths"]) or not len(other["lengths"]):
        return example
    own = example["tokens"][: example["lengths"][0]]
    question = own[: int(np.flatnonzero(own == end)[0]) + 1]
    rows, places = [], []
    copies = np.split(other["copy_places"], np.cumsum(other["copy_lengths"])[:-1])
    for row, copied in zip(np.split(other["tokens"], np.cumsum(other["lengths"])[:-1]), copies, strict=True):
        asked = int(np.flatnonzero(row == end)[0]) + 1
        rows.append(np.concatenate([question, row[asked:]]))
        places.append(np.where(copied >= asked, copied + len(question) - asked, copied))
    moved = {
        "tokens": np.concatenate(rows),
        "lengths": np.array([len(row) for row in rows], np.int32),
        "copy_places": np.concatenate(places),
    }
    return {**example, **{name: other[name] for name in _SOURCES}, **moved}
