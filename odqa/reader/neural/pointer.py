"""A copy path: next to writing a word of the vocabulary, the decoder may point at a token of the evidence.

The mixture is that of pointer-generator networks (See et al. 2017): with p the model's own distribution, a the
attention over the tokens of the evidence and g a gate, a word gets (1 − g) p(word) + g Σ a over the places where it
stands. Keys are made of the encoder's state at a token and of the embedding of the token before it, so that what was
just written points at what follows it in the evidence: the induction head of Olsson et al. (2022), which need not be
learned then.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from transformers import initialization as init
from transformers.utils.generic import ModelOutput

# What a masked score is: softmax makes exactly 0 of it, and no infinity comes up on the way.
_MASKED = torch.finfo(torch.float32).min


class Pointer(nn.Module):
    """Attention over the tokens of the evidence, and the gate between writing and copying.

    Args:
        size: of the decoder's states and embeddings.
        memory_size: of the encoder's states.
        gate: where the gate begins: logit of copying rather than writing.
        induction: share of the identity that queries and the keys of what stands before begin with, beside random
            weights. A new decoder's states resemble the embedding of the token that it has just read, so that from the
            first step on it points at what follows that token in the evidence, and learns when not to.
    """

    def __init__(self, size: int, memory_size: int, gate: float, induction: float = 0.0) -> None:
        super().__init__()
        self.queries = nn.Linear(size, size, bias=False)
        self.keys = nn.Linear(memory_size, size, bias=False)
        self.before = nn.Linear(size, size, bias=False)
        self.gate = nn.Linear(size, 1)
        self.gate._starts_at = gate  # type: ignore[assignment]
        self.queries._identity = self.before._identity = induction  # type: ignore[assignment]
        self.scaling = size**-0.5

    def key_of(self, states: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
        """Return keys of tokens of the evidence.

        Args:
            states: of the encoder at each, shape (batch, copies, memory size).
            before: the decoder's embedding of the token before each, shape (batch, copies, size).
        """
        key: torch.Tensor = self.keys(states) + self.before(before)
        return key

    def forward(
        self, states: torch.Tensor, keys: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the logs of attention, of copying and of writing.

        Args:
            states: of the decoder, shape (batch, positions, size).
            keys: of the tokens of the evidence, shape (batch, copies, size).
            mask: whether there is a token, shape (batch, copies); where an example has none, nothing is copied.

        Returns:
            Shape (batch, positions, copies), and twice (batch, positions, 1), float32.
        """
        scores = torch.matmul(self.queries(states), keys.transpose(-1, -2)).float() * self.scaling
        scores = scores.masked_fill(~mask[:, None, :], _MASKED)
        gate = self.gate(states).float().masked_fill(~mask.any(-1)[:, None, None], -1e4)
        return scores.log_softmax(-1), functional.logsigmoid(gate), functional.logsigmoid(-gate)


def mixture(
    own: torch.Tensor, attention: torch.Tensor, copying: torch.Tensor, writing: torch.Tensor, tokens: torch.Tensor
) -> torch.Tensor:
    """Return the logs of the mixture for the whole vocabulary, shape (batch, positions, vocabulary).

    Args:
        own: logits of the decoder, shape (batch, positions, vocabulary).
        attention: logs of the attention, shape (batch, positions, copies).
        copying: log of the gate, shape (batch, positions, 1).
        writing: log of what the gate leaves, like `copying`.
        tokens: of the vocabulary at each place of the evidence, shape (batch, copies).
    """
    written = (own.float().log_softmax(-1) + writing).exp()
    copied = (attention + copying).exp()
    places = tokens[:, None, :].expand(-1, copied.shape[1], -1)
    return written.scatter_add(-1, places, copied).clamp_min(1e-30).log()


def target_log_probability(
    own: torch.Tensor,
    attention: torch.Tensor,
    copying: torch.Tensor,
    writing: torch.Tensor,
    tokens: torch.Tensor,
    targets: torch.Tensor,
) -> torch.Tensor:
    """Return the log of the mixture at the targets alone, without making the rest, shape (batch, positions).

    Args:
        own: as in `mixture`, and so are the next four.
        attention: see there.
        copying: see there.
        writing: see there.
        tokens: see there.
        targets: tokens of the vocabulary, shape (batch, positions).
    """
    written = own_log_probability(own, targets) + writing.squeeze(-1)
    elsewhere = tokens[:, None, :] != targets[..., None]
    copied = attention.masked_fill(elsewhere, _MASKED).logsumexp(-1) + copying.squeeze(-1)
    return torch.logaddexp(written, copied)


def own_log_probability(own: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the log of the decoder's own probability of the targets, shape (batch, positions).

    Cross-entropy makes it in one pass over the vocabulary, and its gradient in another; logsumexp takes three.

    Args:
        own: logits of the decoder, shape (batch, positions, vocabulary).
        targets: tokens of the vocabulary, shape (batch, positions).
    """
    losses = functional.cross_entropy(own.float().flatten(0, 1), targets.flatten(), reduction="none")
    return -losses.view_as(targets)


def begin(module: nn.Module, deviation: float) -> bool:
    """Set a part of a copy path to where it begins; tell whether the module is one that begins unlike others.

    Args:
        module: any.
        deviation: standard deviation of weights that begin at random.
    """
    if isinstance(module, nn.Linear) and (identity := getattr(module, "_identity", 0.0)):
        noise = torch.randn_like(module.weight) * deviation
        init.copy_(module.weight, noise + identity * torch.eye(*module.weight.shape, device=module.weight.device))
        return True
    place = getattr(module, "_starts_at", None)
    if place is None or not isinstance(module, nn.Linear):
        return False
    init.zeros_(module.weight)
    init.constant_(module.bias, float(place))
    return True


@dataclass
class Memory(ModelOutput):
    """What the encoder made of the evidence; transformers repeats its tensors for beams.

    Attributes:
        last_hidden_state: states of all sources, shape (batch, sources, memory size).
        mask: whether there is a state, shape (batch, sources).
        copy_keys: keys of the tokens that may be copied, shape (batch, copies, size).
        copy_tokens: their tokens in the decoder's vocabulary, shape (batch, copies).
        copy_mask: whether there is a token, shape (batch, copies).
    """

    last_hidden_state: torch.Tensor | None = None
    mask: torch.Tensor | None = None
    copy_keys: torch.Tensor | None = None
    copy_tokens: torch.Tensor | None = None
    copy_mask: torch.Tensor | None = None


def packed(mask: torch.Tensor, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return the mask and tensors with what is masked behind the rest, cut to the longest example.

    Args:
        mask: what to keep, shape (batch, places).
        *tensors: shape (batch, places, …).
    """
    longest = max(1, int(mask.sum(-1).max()))
    order = (~mask).to(torch.uint8).argsort(dim=1, stable=True)[:, :longest]
    moved = [
        one.gather(1, order.reshape(*order.shape, *[1] * (one.ndim - 2)).expand(-1, -1, *one.shape[2:]))
        for one in tensors
    ]
    return (mask.gather(1, order), *moved)
