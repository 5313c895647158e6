"""The model, its optimizer and how far they are: all that a training carries from one step to the next."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from odqa.errors import LoadError, ModelError, UsageError
from odqa.learn.checkpoint import Version
from odqa.learn.parallel import Processes
from odqa.learn.schedule import Schedule

if TYPE_CHECKING:
    import torch

_WEIGHT = "weight"
_COUNTER = "step"
_MOMENTS = ("exp_avg", "exp_avg_sq")
_IN_A_ROW = 5


@dataclass(frozen=True, slots=True)
class Loss:
    """What a batch costs.

    Attributes:
        total: sum over the targets, with its gradient.
        count: targets, or the sum of their weights.
    """

    total: torch.Tensor
    count: float


@dataclass(slots=True)
class Position:
    """How far a training is.

    Attributes:
        step: steps taken.
        epoch: the one that the next step is of.
        place: batches of it that were taken.
        total: loss of it so far, summed over targets.
        count: targets of it so far.
        losses: mean of each epoch before it.
        judgements: step and figures of each.
        best: step of the best weights, 0 for none.
        skipped: steps in which nothing was learned.
        failing: steps in a row whose loss or gradient was not finite.
    """

    step: int = 0
    epoch: int = 0
    place: int = 0
    total: float = 0.0
    count: float = 0.0
    losses: list[float] = field(default_factory=list)
    judgements: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    best: int = 0
    skipped: int = 0
    failing: int = 0

    @classmethod
    def read(cls, noted: Mapping[str, Any]) -> Position:
        """Return what was noted in a checkpoint.

        Raises:
            LoadError: it was not noted by this class.
        """
        try:
            judgements = [
                (int(step), {str(k): float(v) for k, v in found.items()}) for step, found in noted["judgements"]
            ]
            numbers = {name: int(noted[name]) for name in ("step", "epoch", "place", "best", "skipped", "failing")}
            total, count, losses = float(noted["total"]), float(noted["count"]), [float(one) for one in noted["losses"]]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise LoadError(f"the progress of the checkpoint cannot be read: {error}", "delete it") from error
        return cls(total=total, count=count, losses=losses, judgements=judgements, **numbers)

    @property
    def judged(self) -> int:
        """Return the step of the last judgement, 0 for none."""
        return self.judgements[-1][0] if self.judgements else 0

    def end_epoch(self) -> None:
        """Note the epoch's mean loss, and go on to the next."""
        self.losses.append(self.total / self.count if self.count else math.nan)
        self.epoch, self.place, self.total, self.count = self.epoch + 1, 0, 0.0, 0.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What a step came to, in all processes.

    Attributes:
        total: loss, summed over targets.
        count: targets.
        norm: of the mean's gradient, L2, before clipping.
        learned: the weights have changed.
        flags: how many processes raised each.
    """

    total: float
    count: float
    norm: float
    learned: bool
    flags: tuple[int, ...]


class Learner:
    """The parameters that learn, with AdamW.

    Args:
        model: on its device.
        schedule: rates, decay, clipping.

    Raises:
        UsageError: nothing in the model learns, or it would in too few bits, or a prefix of `rates` fits nothing.
    """

    def __init__(self, model: torch.nn.Module, schedule: Schedule) -> None:
        self.model, self.schedule = model, schedule
        self.trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
        if not self.trained:
            raise UsageError("no parameter of the model requires gradients, so that nothing can learn")
        for name, value in self.trained.items():
            if value.element_size() < 4:
                raise UsageError(
                    f"{name} is in {str(value.dtype).removeprefix('torch.')}, in which small steps are lost",
                    "load the model in float32, and choose precision bf16",
                )
        self.device: torch.device = next(iter(self.trained.values())).device
        self.processes = Processes.join(self.device)
        self.optimizer = _optimizer(self.trained, schedule)
        self.kept: dict[str, torch.Tensor] = {}

    def identity(self) -> dict[str, Any]:
        """Return names, types and shapes of what learns."""
        return {name: [str(value.dtype), *value.shape] for name, value in self.trained.items()}

    def take(self, losses: Iterable[Loss], factor: float, flags: Callable[[], Sequence[bool]] = tuple) -> Taken:
        """Take a step.

        Args:
            losses: of this process's batches; each is asked for when the one before has been differentiated.
            factor: of the highest rate.
            flags: what this process has to tell the others, asked for when its losses are done.

        Raises:
            UsageError: no parameter that learns got a gradient.
        """
        import torch

        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        for one in losses:
            if one.total.requires_grad:  # A batch without targets may cost a constant.
                one.total.backward()  # type: ignore[no-untyped-call]
            sums[0] += one.total.detach()
            sums[1] += one.count
        sums = torch.cat([sums, sums.new_tensor([float(flag) for flag in flags()])])
        self.processes.add([sums])
        self._add_gradients()
        gradients = [value.grad for value in self.trained.values() if value.grad is not None]
        norm = float(torch.nn.utils.get_total_norm(gradients))
        total, count, *raised = sums.tolist()
        if count > 0 and not gradients:
            raise UsageError(
                "the loss does not depend on any parameter that learns",
                "with gradient checkpointing of frozen layers, call model.enable_input_require_grads() first",
            )
        mean = norm / count if count > 0 else math.nan
        learned = math.isfinite(total) and math.isfinite(mean)
        if learned:
            clipped = min(1.0, self.schedule.clip / (mean + 1e-6)) if self.schedule.clip else 1.0
            torch._foreach_mul_(gradients, clipped / count)
            for group in self.optimizer.param_groups:
                group["lr"] = self.schedule.rate * factor * group["factor"]
            self.optimizer.step()
        return Taken(total, count, mean, learned, tuple(round(one) for one in raised))

    def _add_gradients(self) -> None:
        """Sum gradients over processes; what no process used keeps none, so that it neither moves nor decays."""
        if self.processes.world == 1:
            return
        import torch

        values = list(self.trained.values())
        used = torch.tensor([float(value.grad is not None) for value in values], device=self.device)
        self.processes.add([used])
        for value, times in zip(values, used.tolist(), strict=True):
            if times and value.grad is None:
                value.grad = torch.zeros_like(value)
        self.processes.add([value.grad for value in values if value.grad is not None])

    def tensors(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield all that a checkpoint holds, by name."""
        yield from self.weights()
        for name, value in self.trained.items():
            for kind, tensor in self.optimizer.state.get(value, {}).items():
                yield f"{kind}/{name}", tensor

    def weights(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield the parameters that learn, by name."""
        for name, value in self.trained.items():
            yield f"{_WEIGHT}/{name}", value

    def load(self, version: Version | None) -> None:
        """Take over what a version holds, in all processes; without one, the first process's weights.

        Args:
            version: read by the first process.

        Raises:
            LoadError: it does not hold what this model and optimizer need.
        """
        import torch

        names = [] if version is None else [name for name in version.tensors if not name.startswith(f"{_WEIGHT}/")]
        targets = dict(self.weights())
        for key in self.processes.agree(names, self.device):
            kind, _, name = key.partition("/")
            if kind not in {_COUNTER, *_MOMENTS} or name not in self.trained:
                raise LoadError(f"the checkpoint holds {key!r}, which this model has no use for", "delete it")
            value = self.trained[name]
            # AdamW counts the steps of each parameter itself, for the correction of its moments' bias.
            made = torch.zeros((), dtype=torch.float32) if kind == _COUNTER else torch.zeros_like(value)
            targets[key] = made.to(self.device) if self.optimizer.defaults["fused"] else made
            self.optimizer.state[value][kind] = targets[key]
        if version is not None:
            version.fill(targets)
        self.processes.share(targets.values(), self.device)

    def keep(self) -> None:
        """Keep the weights as they are in memory, as the best."""
        self.kept = {name: value.detach().clone() for name, value in self.weights()}

    def share_weights(self) -> None:
        """Give all processes the weights of the first."""
        self.processes.share(self.trained.values(), self.device)

    def failed(self, failing: int) -> None:
        """Say that a training makes no progress any more.

        Raises:
            ModelError: too many steps in a row were not finite.
        """
        if failing >= _IN_A_ROW:
            raise ModelError(
                f"{failing} steps in a row had a loss or gradient that is not finite",
                "begin anew with a lower rate, a longer warm-up, a smaller clip, or precision fp32",
            )


def _optimizer(trained: Mapping[str, torch.nn.Parameter], schedule: Schedule) -> torch.optim.AdamW:
    """Return AdamW with a group for each rate, with and without decay."""
    import torch

    prefixes = sorted(schedule.rates, key=len, reverse=True)
    for prefix in prefixes:
        if not any(name.startswith(prefix) for name in trained):
            raise UsageError(f"rates: no parameter that learns begins with {prefix!r}", "see model.named_parameters()")
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, value in trained.items():
        factor = next((schedule.rates[prefix] for prefix in prefixes if name.startswith(prefix)), 1.0)
        groups.setdefault((factor, schedule.decay if value.ndim >= 2 else 0.0), []).append(value)
    made = [{"params": values, "factor": factor, "weight_decay": decay} for (factor, decay), values in groups.items()]
    # One pass over the memory instead of ten: a seventh of the time on a CPU.
    fused = all(value.device.type in {"cpu", "cuda"} for value in trained.values())
    return torch.optim.AdamW(made, lr=schedule.rate, betas=schedule.betas, fused=fused)
