"""How long and how fast a model learns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from odqa.errors import UsageError

_FREE = frozenset({"batch", "accumulate", "every", "keep", "minutes", "max_shard_size"})
"""What changes no weight (or, of `batch` and `accumulate`, is told otherwise): a resumed run may choose it anew."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn, how to judge, and what to keep.

    Attributes:
        epochs: times that every example is seen, at most.
        steps: steps to take, over as many epochs as they need; 0: as many as the epochs have.
        batch: examples of a batch, where batches are cut from a list; those of a stream have a size of their own.
        accumulate: batches that a process takes before each step.
        rate: highest learning rate.
        rates: factor of the rate for parameters by how their names begin, e.g. {"encoder.": 0.1}; the longest wins.
        warm_up: share of the steps over which the rate rises from 0.
        shape: how it falls afterwards: `linear`, `cosine` (Loshchilov and Hutter 2017) or not at all: `constant`.
        last: share of the rate that it falls to.
        betas: of AdamW, decay of the means of the gradient and of its square.
        decay: AdamW's weight decay (Loshchilov and Hutter 2019); not of biases and norms.
        clip: longest gradient, by its L2 norm; 0 leaves it as it is.
        precision: `fp32`, or `bf16` for autocast: the parameters and the optimizer stay as they are.
        judge_every: steps between judgements; 0: after each epoch. The last step is judged in any case.
        deciding: figure of the judgement that the best weights are chosen by.
        greater_is_better: whether a higher one is.
        patience: judgements without a better one before it stops; 0: never.
        every: steps between checkpoints.
        keep: checkpoints kept, so that one that was damaged on disk does not cost the run.
        max_shard_size: bytes of a checkpoint's file, at most.
        minutes: leave off after so long, with a checkpoint; 0: never.
        seed: of dropout.
    """

    epochs: int = 3
    steps: int = 0
    batch: int = 16
    accumulate: int = 1
    rate: float = 3e-5
    rates: Mapping[str, float] = field(default_factory=dict)
    warm_up: float = 0.1
    shape: Literal["linear", "cosine", "constant"] = "linear"
    last: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    decay: float = 0.01
    clip: float = 1.0
    precision: Literal["fp32", "bf16"] = "fp32"
    judge_every: int = 0
    deciding: str = "loss"
    greater_is_better: bool = False
    patience: int = 2
    every: int = 50
    keep: int = 2
    max_shard_size: int = 1 << 30
    minutes: float = 0.0
    seed: int = 13

    def __post_init__(self) -> None:
        least = {"epochs": 1, "batch": 1, "accumulate": 1, "every": 1, "keep": 1, "max_shard_size": 4096}
        for name in ("steps", "judge_every", "patience", "minutes", "decay", "clip"):
            least[name] = 0
        for name, low in least.items():
            if not getattr(self, name) >= low:  # So that NaN is refused too.
                raise UsageError(f"{name} must be {low} or more, and is {getattr(self, name)}")
        if not 0 < self.rate < math.inf or any(not 0 <= factor < math.inf for factor in self.rates.values()):
            raise UsageError("rate must be above 0, and the factors of rates not below it")
        shares = {
            "warm_up": self.warm_up,
            "last": self.last,
            "betas": min(self.betas),
            "second of betas": self.betas[-1],
        }
        for name, share in shares.items():
            if not 0 <= share <= 1 or (name.endswith("betas") and share == 1):
                raise UsageError(f"{name} must be between 0 and 1, and is {share}")
        if self.shape not in {"linear", "cosine", "constant"}:
            raise UsageError(f"there is no shape {self.shape!r}", "choose linear, cosine or constant")
        if self.precision not in {"fp32", "bf16"}:
            raise UsageError(f"there is no precision {self.precision!r}", "choose fp32 or bf16")
        if not 0 <= self.seed < 1 << 31:
            raise UsageError(f"seed {self.seed} is out of range", "choose one from 0 to 2147483647")

    def factor(self, step: int, steps: int) -> float:
        """Return what the highest rate is multiplied with at a step, counted from 0."""
        rising = max(1, math.ceil(self.warm_up * steps))
        if step < rising:
            return (step + 1) / rising
        left = (steps - step) / max(1, steps - rising)
        falling = {"linear": left, "cosine": 0.5 - 0.5 * math.cos(math.pi * left), "constant": 1.0}[self.shape]
        return self.last + (1 - self.last) * max(0.0, falling)

    def identity(self) -> dict[str, Any]:
        """Return what the weights depend on: a run is taken up with the same of these only."""
        chosen = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in _FREE}
        return chosen | {"betas": list(self.betas), "rates": dict(sorted(self.rates.items()))}
