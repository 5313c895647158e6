"""GPT-2 with cross-attention as transformers has it, but for examples without any source, which stay plain GPT-2's.

transformers' cross-attention over sources that are all masked is an average of what was masked, or no number at all.
And it begins at random; here its output projection begins at zero, as that of our GPT-Neo does.
"""

# No `from __future__ import annotations`: transformers reads the annotations when a model is made.
# transformers is typed in part.
# mypy: disallow-untyped-calls=False

from typing import Any

import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, GPT2Model
from transformers import initialization as init
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention
from transformers.pytorch_utils import Conv1D


class GPT2CrossAttention(GPT2Attention):
    """GPT-2's attention over an encoder's states, which finds nothing where an example has none."""

    def __init__(self, config: GPT2Config, layer: int) -> None:
        super().__init__(config, is_cross_attention=True, layer_idx=layer)
        self.c_proj._starts_at_zero = True  # type: ignore[assignment]

    def forward(self, *args: Any, encoder_attention_mask: torch.Tensor | None = None, **kwargs: Any) -> Any:
        """Return what each position takes from the encoder's states, and the weights where they are computed.

        Args:
            *args: as transformers' `GPT2Attention` takes them.
            encoder_attention_mask: booleans, or what is added to the scores: shape (batch, 1, positions, sources).
            **kwargs: likewise.
        """
        attend: Any = super().forward
        if encoder_attention_mask is None:
            return attend(*args, **kwargs)
        boolean = encoder_attention_mask.dtype == torch.bool
        informed = (encoder_attention_mask if boolean else encoder_attention_mask >= 0).any(-1, keepdim=True)
        # Softmax over nothing is no number, nor is its gradient: look at all, and leave out what is found.
        opened = encoder_attention_mask | ~informed if boolean else encoder_attention_mask.masked_fill(~informed, 0.0)
        found, weights = attend(*args, encoder_attention_mask=opened, **kwargs)
        return torch.where(informed[:, 0], found, 0.0), weights


class CrossGPT2Model(GPT2Model):
    """The layers, without a head."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        for layer, block in enumerate(self.h):
            block.crossattention = GPT2CrossAttention(config, layer)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        # GPT-2 sets projections from the module that holds them, and so after this one, too.
        projection = module.c_proj if isinstance(module, GPT2CrossAttention) else module
        if isinstance(projection, Conv1D) and getattr(projection, "_starts_at_zero", False):
            init.zeros_(projection.weight)
            init.zeros_(projection.bias)


class CrossGPT2LMHeadModel(GPT2LMHeadModel):
    """The layers with a language-model head; configuration and names of weights are those of transformers' GPT-2."""

    def __init__(self, config: GPT2Config) -> None:
        super(GPT2LMHeadModel, self).__init__(config)
        self.transformer = CrossGPT2Model(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()
