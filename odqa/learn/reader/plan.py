"""How a reader is to learn: what a person chooses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from odqa.errors import UsageError
from odqa.learn.schedule import Schedule
from odqa.models.shards import bytes_of

_SMALLEST_SHARD = 1 << 16
"""Bytes; below that a checkpoint would be thousands of files."""
_ENCODER_RATE = 0.1


@dataclass(frozen=True, slots=True)
class Course:
    """What a reader learns, and how.

    Attributes:
        datasets: names, folders or files; `NAME/SPLIT` names a split.
        data: where registered data sets lie.
        sentences: examples made of the documents alone, learned first.
        answers: answers and summaries learned from, at most; 0: all.
        epochs: times that each is seen.
        sources: passages beside an answer.
        summaries: put the gist of each document beside its passages.
        doubtful: what unsupported sentences of answers count.
        self_train: rounds of learning from verified drafts of its own.
        rate: highest learning rate of the first stage; the later ones take half of it.
        batch_tokens: tokens of a batch.
        accumulate: batches of a step.
        precision: `fp32` or `bf16`.
        lora: rank of adapters; 0 trains all weights that are not frozen.
        gradient_checkpointing: compute activations twice.
        patience: judgements without a better one before a stage ends; 0: never.
        judgements: times that a stage is judged.
        every: steps between checkpoints.
        shard_size: of files of weights.
        minutes: leave off after so long; 0: never.
        seed: of everything drawn.
    """

    datasets: tuple[str, ...]
    data: Path | None = None
    sentences: int = 20_000
    answers: int = 0
    epochs: int = 3
    sources: int = 6
    summaries: bool = False
    doubtful: float = 0.2
    self_train: int = 0
    rate: float = 6e-4
    batch_tokens: int = 6000
    accumulate: int = 1
    precision: str = "fp32"
    lora: int = 0
    gradient_checkpointing: bool = False
    patience: int = 0
    judgements: int = 8
    every: int = 100
    shard_size: str = "200MB"
    minutes: float = 0.0
    seed: int = 13

    def __post_init__(self) -> None:
        if not self.sentences and not self.epochs:
            raise UsageError("nothing is to be learned", "give --sentences or --epochs above 0")
        bytes_of(self.shard_size, least=_SMALLEST_SHARD)


def schedule_of(course: Course, rate: float, epochs: int, *, encoder_learns: bool = False) -> Schedule:
    """Return the schedule of a stage."""
    if course.precision not in {"fp32", "bf16"}:
        raise UsageError(f"there is no precision {course.precision!r}", "choose fp32 or bf16")
    # A pretrained encoder is nearer to its goal than what begins at random.
    rates = {"encoder.": _ENCODER_RATE} if encoder_learns else {}
    return Schedule(
        epochs=epochs, accumulate=course.accumulate, rate=rate, rates=rates, warm_up=0.05, shape="cosine",
        last=0.1, betas=(0.9, 0.98), precision="bf16" if course.precision == "bf16" else "fp32",
        patience=course.patience, every=course.every, max_shard_size=bytes_of(course.shard_size), seed=course.seed,
    )  # fmt: skip
