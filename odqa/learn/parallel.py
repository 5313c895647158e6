"""Several processes that learn one model together: each takes its share of a step's batches, and gradients are added.

The model stays as it is: nothing wraps it, and gradients are reduced after the backward pass. So parameters that a
batch does not use need no special care, and the code of a model and of its loss knows nothing of processes. accelerate
sets the processes up; `accelerate launch` and torchrun start them.
"""

from __future__ import annotations

import atexit
import datetime
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from odqa.errors import UsageError

if TYPE_CHECKING:
    import torch

_BUCKET = 32 << 20
_PATIENCE = datetime.timedelta(days=1)
"""The others wait while the first judges and writes; that may take longer than the libraries' ten minutes."""


def launched() -> int:
    """Return how many processes a launcher started this one among; 1 without a launcher."""
    try:
        return int(os.environ.get("WORLD_SIZE", "1"))
    except ValueError:
        return 1


def is_first() -> bool:
    """Tell whether this is the process of a launch that writes."""
    return int(os.environ.get("RANK", "0")) == 0


def own_device(device: str) -> str:
    """Return the device of this process: `cuda` becomes its own one of the machine's GPUs.

    Args:
        device: `cpu`, `cuda` or `cuda:<i>`, as `choose_device` returns it.
    """
    if device == "cuda" and launched() > 1:
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    return device


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes that learn together, as one of them sees them.

    Attributes:
        rank: of this one, from 0; the first alone writes, judges and tells.
        world: how many there are.
    """

    rank: int = 0
    world: int = 1

    @classmethod
    def join(cls, device: torch.device) -> Processes:
        """Return the processes that a launcher started; this one alone if none did.

        Args:
            device: of the model of this process.

        Raises:
            UsageError: there are several, and accelerate is not installed.
        """
        if launched() == 1:
            return cls()
        try:
            from accelerate import PartialState  # type: ignore[import-untyped,unused-ignore]
        except ImportError:
            raise UsageError(
                f"{launched()} processes cannot learn together without accelerate", "pip install accelerate"
            ) from None
        state: Any = PartialState(cpu=device.type == "cpu", timeout=_PATIENCE)
        atexit.register(state.destroy_process_group)
        return cls(int(state.process_index), int(state.num_processes))

    @property
    def first(self) -> bool:
        """Return whether this is the one that writes, judges and tells."""
        return self.rank == 0

    def add(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace tensors by their sums over all processes; each has the same ones."""
        if self.world == 1:
            return
        import torch

        for bucket in _buckets(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
            torch.distributed.all_reduce(flat)
            for tensor, summed in zip(bucket, torch.split(flat, [tensor.numel() for tensor in bucket]), strict=True):
                tensor.copy_(summed.view_as(tensor))

    def share(self, tensors: Iterable[torch.Tensor], device: torch.device) -> None:
        """Replace tensors by those of the first process.

        Args:
            tensors: the same ones in each process.
            device: of the model of this process, through which they are sent.
        """
        if self.world == 1:
            return
        import torch

        for tensor in tensors:
            sent = tensor.detach().to(device).contiguous()
            torch.distributed.broadcast(sent, src=0)
            tensor.detach().copy_(sent)

    def agree(self, value: Any, device: torch.device) -> Any:
        """Return what the first process holds for a value.

        Args:
            value: of JSON's types; that of the other processes is not looked at.
            device: of the model of this process.
        """
        if self.world == 1:
            return value
        import torch

        data = json.dumps(value).encode() if self.first else b""
        length = torch.tensor([len(data)], dtype=torch.int64, device=device)
        torch.distributed.broadcast(length, src=0)
        body = torch.zeros(int(length), dtype=torch.uint8, device=device)
        if self.first:
            body.copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8))
        torch.distributed.broadcast(body, src=0)
        return json.loads(bytes(body.cpu().tolist()))

    def wait(self, device: torch.device) -> None:
        """Wait for the first process: a launcher that sees another one leave early ends them all."""
        self.agree(None, device)

    def compare(self, identity: Any, device: torch.device) -> None:
        """Make sure that all processes learn the same; where they do not, all of them raise.

        Args:
            identity: of what this one learns, of JSON's types.
            device: of the model of this process.

        Raises:
            UsageError: one was given something else than the first.
        """
        if self.world == 1:
            return
        import torch

        differs = self.agree(identity, device) != json.loads(json.dumps(identity))
        others = torch.tensor([float(differs)], device=device)
        self.add([others])
        if others.item():
            raise UsageError(
                "the processes were given different models, data or schedules", "call train with the same in each"
            )


def _buckets(tensors: Iterable[torch.Tensor]) -> Iterator[list[torch.Tensor]]:
    """Group tensors of one type, so that many small ones are sent as few large ones."""
    bucket: list[torch.Tensor] = []
    size = 0
    for tensor in tensors:
        if bucket and (size + tensor.nbytes > _BUCKET or tensor.dtype != bucket[0].dtype):
            yield bucket
            bucket, size = [], 0
        bucket.append(tensor)
        size += tensor.nbytes
    if bucket:
        yield bucket
