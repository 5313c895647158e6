"""The layers of a GPT-Neo with cross-attention: see `odqa.reader.neural.gpt_neo` for what they are."""

# No `from __future__ import annotations`: transformers reads the annotations when a model is registered.
# transformers is typed in part.
# mypy: disallow-untyped-calls=False

from collections.abc import Callable
from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import EncoderDecoderCache, GPTNeoConfig
from transformers.cache_utils import Cache
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.gpt_neo.modeling_gpt_neo import GPTNeoMLP

from odqa.errors import UsageError


@strict
class CrossGPTNeoConfig(GPTNeoConfig):
    """GPT-Neo's configuration, and what cross-attention needs.

    Attributes:
        add_cross_attention: whether the layers attend to an encoder.
        cross_attention_hidden_size: size of the encoder's states; None takes `hidden_size`.
        is_decoder: always; transformers' generation asks for it.
    """

    model_type = "odqa_gpt_neo"

    is_decoder: bool = True
    add_cross_attention: bool = True
    cross_attention_hidden_size: int | None = None

    @property
    def memory_size(self) -> int:
        """Size of the encoder's states."""
        return self.cross_attention_hidden_size or self.hidden_size


def eager_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attend as GPT-Neo does: in float32 at least, since unscaled products overflow half precision.

    Args:
        module: whose attention it is.
        query: shape (batch, heads, queries, head size).
        key: shape (batch, heads, keys, head size).
        value: like `key`.
        attention_mask: to be added, shape (batch, 1, queries, keys).
        scaling: of the products.
        dropout: share of the weights that are dropped.

    Returns:
        Shape (batch, queries, heads, head size), and the weights, shape (batch, heads, queries, keys).
    """
    precise = torch.promote_types(query.dtype, torch.float32)
    weights = torch.matmul(query.to(precise), key.to(precise).transpose(-1, -2)) * scaling
    if attention_mask is not None:
        weights = weights + attention_mask
    weights = nn.functional.softmax(weights, dim=-1).to(value.dtype)
    weights = nn.functional.dropout(weights, p=dropout, training=module.training)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


class _Attention(nn.Module):
    """Projections into heads, attention by the implementation that is configured, and the way back."""

    is_causal = False
    scaling = 1.0

    def __init__(self, config: CrossGPTNeoConfig, layer: int, memory_size: int) -> None:
        super().__init__()
        if config.hidden_size % config.num_heads:
            raise UsageError(f"hidden_size {config.hidden_size} cannot be divided into {config.num_heads} heads")
        self.config, self.layer = config, layer
        self.heads, self.head_size = config.num_heads, config.hidden_size // config.num_heads
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.k_proj = nn.Linear(memory_size, config.hidden_size, bias=False)
        self.v_proj = nn.Linear(memory_size, config.hidden_size, bias=False)
        self.out_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=True)
        self.resid_dropout = nn.Dropout(float(config.resid_dropout))

    def _heads(self, states: torch.Tensor) -> torch.Tensor:
        return states.view(*states.shape[:-1], self.heads, self.head_size).transpose(1, 2)

    def _attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        kind = self.config._attn_implementation
        if kind != "eager" and query.dtype == torch.float16 and self.scaling == 1.0:
            query, key, value = query.float(), key.float(), value.float()  # As `eager_attention`, for its reason.
        attend: Callable[..., Any] = ALL_ATTENTION_FUNCTIONS.get_interface(kind, eager_attention)
        dropout = float(self.config.attention_dropout) if self.training else 0.0
        output, weights = attend(self, query, key, value, mask, dropout=dropout, scaling=self.scaling)
        return output.reshape(*output.shape[:2], -1).to(self.out_proj.weight.dtype), weights


class GPTNeoSelfAttention(_Attention):
    """GPT-Neo's own attention; its parameters have the names they have in transformers."""

    is_causal = True

    def __init__(self, config: CrossGPTNeoConfig, layer: int) -> None:
        super().__init__(config, layer, config.hidden_size)

    def forward(
        self, states: torch.Tensor, mask: torch.Tensor | None, cache: Cache | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return what each position takes from those before it, and the weights where they are computed."""
        key, value = self._heads(self.k_proj(states)), self._heads(self.v_proj(states))
        if cache is not None:
            own = cache.self_attention_cache if isinstance(cache, EncoderDecoderCache) else cache
            key, value = own.update(key, value, self.layer)
        output, weights = self._attend(self._heads(self.q_proj(states)), key, value, mask)
        return self.resid_dropout(self.out_proj(output)), weights


class GPTNeoCrossAttention(_Attention):
    """Scaled dot-product attention over an encoder's states, through an output projection that starts at zero."""

    def __init__(self, config: CrossGPTNeoConfig, layer: int) -> None:
        super().__init__(config, layer, config.memory_size)
        self.scaling = self.head_size**-0.5
        # `_init_weights` never sees this module, which owns no parameters itself: the projection carries the mark.
        self.out_proj._starts_at_zero = True  # type: ignore[assignment]

    def forward(
        self, states: torch.Tensor, memory: torch.Tensor, mask: torch.Tensor | None, cache: Cache | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return what each position takes from the encoder's states, and the weights where they are computed.

        Args:
            states: of the decoder, shape (batch, positions, hidden size).
            memory: of the encoder, shape (batch, sources, memory size).
            mask: of the sources, as the attention implementation takes it.
            cache: keeps keys and values, which are the same at each step of generation.
        """
        kept = cache if isinstance(cache, EncoderDecoderCache) else None
        if kept is not None and kept.is_updated.get(self.layer):
            layer: Any = kept.cross_attention_cache.layers[self.layer]
            key, value = layer.keys, layer.values
        else:
            key, value = self._heads(self.k_proj(memory)), self._heads(self.v_proj(memory))
            if kept is not None:
                key, value = kept.cross_attention_cache.update(key, value, self.layer)
                kept.is_updated[self.layer] = True
        output, weights = self._attend(self._heads(self.q_proj(states)), key, value, mask)
        return self.resid_dropout(self.out_proj(output)), weights


class _SelfAttentionOfLayer(nn.Module):
    """Holds the self-attention under the name that checkpoints have for it: `attn.attention`."""

    def __init__(self, config: CrossGPTNeoConfig, layer: int) -> None:
        super().__init__()
        self.attention = GPTNeoSelfAttention(config, layer)


class GPTNeoCrossBlock(GradientCheckpointingLayer):
    """A layer: self-attention, cross-attention where an encoder is given, feed-forward; each adds to its input."""

    def __init__(self, config: CrossGPTNeoConfig, layer: int) -> None:
        super().__init__()
        size, epsilon = config.hidden_size, config.layer_norm_epsilon
        self.ln_1 = nn.LayerNorm(size, eps=epsilon)
        self.attn = _SelfAttentionOfLayer(config, layer)
        if config.add_cross_attention:
            self.ln_cross_attn = nn.LayerNorm(size, eps=epsilon)
            self.crossattention = GPTNeoCrossAttention(config, layer)
        self.ln_2 = nn.LayerNorm(size, eps=epsilon)
        self.mlp = GPTNeoMLP(config.intermediate_size or 4 * size, config)
        if config.activation_function == "gelu_new":
            self.mlp.act = nn.GELU(approximate="tanh")  # The same formula, in one kernel where transformers takes six.

    def forward(
        self,
        states: torch.Tensor,
        mask: torch.Tensor | None,
        memory: torch.Tensor | None,
        memory_mask: torch.Tensor | None,
        informed: torch.Tensor | None,
        cache: Cache | None,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        """Return new states, and the weights of both attentions where they are computed."""
        own, weights = self.attn.attention(self.ln_1(states), mask, cache)
        states = states + own
        cross_weights = None
        if memory is not None:
            found, cross_weights = self.crossattention(self.ln_cross_attn(states), memory, memory_mask, cache)
            states = states + (found if informed is None else torch.where(informed, found, 0.0))
        return states + self.mlp(self.ln_2(states)), weights, cross_weights
