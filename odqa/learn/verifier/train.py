"""Fine-tune a small encoder as a cross-encoder that tells whether evidence carries a claim.

Claim and evidence are read together (Nogueira and Cho 2019) and classified into two classes, as models for natural
language inference are. The lower layers keep what they know: there are few pairs, and a third of the work is saved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.errors import ModelError
from odqa.evaluate.grounding.classification import figures
from odqa.index.encoder import token_batches
from odqa.learn.loop import Event, Loss, Run, Schedule, Shuffled, train
from odqa.learn.verifier.examples import Pair
from odqa.reader.neural.quiet import quiet

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

LABELS = ("not_supported", "supported")
MAX_TOKENS = 144
DECIDING = "roc_auc"


@dataclass(frozen=True, slots=True)
class CrossEncoder:
    """A sequence classifier with its tokenizer.

    Attributes:
        model: on its device.
        tokenizer: of the model.
        max_tokens: of claim and evidence together; the evidence is cut.
    """

    model: Any
    tokenizer: Any
    max_tokens: int = MAX_TOKENS

    @classmethod
    def start(cls, base: Path, *, trained_layers: int = 3, device: str = "cpu", seed: int = 13) -> CrossEncoder:
        """Return a classifier on top of an encoder, its head random.

        Args:
            base: folder of the encoder, e.g. that of the bundled MiniLM.
            trained_layers: layers at the top that learn; embeddings learn only if all do.
            device: where it computes.
            seed: of the head.

        Raises:
            ModelError: the folder holds no such encoder.
        """
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        torch.manual_seed(seed)
        try:
            with quiet(reports=False):  # It reports that the head is new, which is the point.
                model: Any = AutoModelForSequenceClassification.from_pretrained(
                    base, num_labels=2, id2label=dict(enumerate(LABELS)), label2id={n: i for i, n in enumerate(LABELS)},
                    use_safetensors=True, trust_remote_code=False,
                )  # fmt: skip
                tokenizer: Any = AutoTokenizer.from_pretrained(base, trust_remote_code=False)
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"{base}: no encoder to train: {error}", "give the folder of an encoder") from error
        layers = model.config.num_hidden_layers
        frozen = [f".layer.{n}." for n in range(layers - trained_layers)]
        for name, value in model.named_parameters():
            in_embeddings = "embeddings." in name and trained_layers < layers
            value.requires_grad = not in_embeddings and not any(part in name for part in frozen)
        positions = int(getattr(model.config, "max_position_embeddings", MAX_TOKENS))
        return cls(model.to(device), tokenizer, min(MAX_TOKENS, positions))

    @property
    def sizes(self) -> tuple[int, int]:
        """Return the number of parameters, and of those that learn."""
        known = [(value.numel(), value.requires_grad) for value in self.model.parameters()]
        return sum(size for size, _ in known), sum(size for size, learns in known if learns)

    def logits(self, pairs: Sequence[tuple[str, str]]) -> torch.Tensor:
        """Return the classes' logits of claim and evidence, shape (len(pairs), 2)."""
        encoded = self.tokenizer(
            [claim for claim, _ in pairs],
            [evidence for _, evidence in pairs],
            truncation="longest_first",
            max_length=self.max_tokens,
            padding=True,
            return_tensors="pt",
        )
        result: torch.Tensor = self.model(**encoded.to(self.model.device)).logits
        return result

    def scores(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Return how much the logit of `supported` exceeds the other, shape (len(pairs),)."""
        import torch

        found = np.zeros(len(pairs))
        self.model.eval()
        with torch.inference_mode():
            for batch in token_batches([len(claim) + len(evidence) for claim, evidence in pairs], 16_000):
                logits = self.logits([pairs[n] for n in batch]).float().cpu().numpy()
                found[batch] = logits[:, 1] - logits[:, 0]
        return found


def fine_tune(
    encoder: CrossEncoder,
    pairs: Sequence[Pair],
    held_out: Sequence[Pair],
    schedule: Schedule,
    *,
    folder: Path | None = None,
    watch: Callable[[Event], None] | None = None,
) -> Run:
    """Teach a classifier pairs; of the epochs the one that ranks the held-out pairs best is kept.

    Args:
        encoder: is changed.
        pairs: to learn from; both classes count alike in all.
        held_out: of other groups; where one class is missing there, the last epoch is kept.
        schedule: how long and how fast; what decides is ROC-AUC on the held-out pairs.
        folder: of the checkpoints.
        watch: told what happens.

    Raises:
        UsageError: there are no pairs.
        LoadError: the checkpoint is of another run.
    """
    import torch

    positive = max(1, sum(pair.supported for pair in pairs))
    shares = (0.5 * len(pairs) / max(1, len(pairs) - positive), 0.5 * len(pairs) / positive)
    balance = torch.tensor(shares, device=encoder.model.device)

    def loss(batch: Sequence[Pair]) -> Loss:
        logits = encoder.logits([(pair.claim, pair.evidence) for pair in batch])
        labels = torch.tensor([int(pair.supported) for pair in batch], device=logits.device)
        losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
        return Loss((losses * balance[labels]).sum(), len(batch))

    both = len({pair.supported for pair in held_out}) == 2
    judge = (lambda: judged(encoder, held_out)) if both else None
    schedule = replace(schedule, deciding=DECIDING, greater_is_better=True)
    batches = Shuffled(pairs, schedule.batch, schedule.seed, key=fingerprint(pairs, held_out))
    return train(encoder.model, batches, loss, schedule, folder=folder, judge=judge, watch=watch)


def fingerprint(pairs: Sequence[Pair], held_out: Sequence[Pair]) -> str:
    """Return what tells these pairs from others: a training is taken up with the same only."""
    return hashlib.sha256(repr((list(pairs), list(held_out))).encode()).hexdigest()


def judged(encoder: CrossEncoder, pairs: Sequence[Pair]) -> dict[str, float]:
    """Return what a classifier is worth on pairs of both classes.

    Args:
        encoder: the classifier.
        pairs: that it did not learn from.

    Returns:
        `roc_auc`; `balanced_accuracy` where the likelier class is taken; and `loss`, the cross-entropy in nats with
        both classes counting alike, as in training.
    """
    supported = np.array([pair.supported for pair in pairs])
    margins = encoder.scores([(pair.claim, pair.evidence) for pair in pairs])
    losses = np.logaddexp(0.0, np.where(supported, -margins, margins))
    rates = figures(supported, margins >= 0, margins)
    loss = float((losses[supported].mean() + losses[~supported].mean()) / 2)
    return {DECIDING: rates[DECIDING], "balanced_accuracy": rates["balanced_accuracy"], "loss": loss}
