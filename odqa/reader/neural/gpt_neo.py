"""GPT-Neo with cross-attention: transformers' model, and behind each self-attention one over an encoder's states.

Self-attention stays what it is in GPT-Neo: unscaled products of queries and keys, `Linear` projections, layers that see
everything and layers that see a window in turns. Cross-attention (Vaswani et al. 2017) sees all of the encoder's states
in every layer, with scaled products. Its output projection starts at zero, so that a pretrained decoder that has just
been given cross-attention says exactly what it said before.
"""

# No `from __future__ import annotations`: transformers reads the annotations when a model is registered.

from collections.abc import Callable
from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    DynamicCache,
    EncoderDecoderCache,
    GenerationMixin,
    GPTNeoConfig,
    PreTrainedModel,
)
from transformers import initialization as init
from transformers.cache_utils import Cache
from transformers.masking_utils import create_bidirectional_mask, create_causal_mask, sliding_window_overlay
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions, CausalLMOutputWithCrossAttentions
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.gpt_neo.modeling_gpt_neo import GPTNeoMLP

from odqa.errors import LimitError, UsageError


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
    """Attend as GPT-Neo does: in float32, since unscaled products overflow half precision.

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
    weights = torch.matmul(query.float(), key.float().transpose(-1, -2)) * scaling
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
        if self.config._attn_implementation != "eager" and query.dtype == torch.float16 and self.scaling == 1.0:
            query, key = query.float(), key.float()
            value = value.float()
            mask = mask.float() if mask is not None and mask.is_floating_point() else mask
        attend: Callable[..., Any] = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention
        )
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
            key = kept.cross_attention_cache.layers[self.layer].keys
            value = kept.cross_attention_cache.layers[self.layer].values
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
            # Where an example has no source at all, softmax over nothing is no number.
            states = states + (found if informed is None else torch.where(informed, found, 0.0))
        return states + self.mlp(self.ln_2(states)), weights, cross_weights


class CrossGPTNeoPreTrainedModel(PreTrainedModel):
    """What the models below share: how weights begin, and what transformers may do with them."""

    config: CrossGPTNeoConfig
    config_class = CrossGPTNeoConfig
    base_model_prefix = "transformer"
    supports_gradient_checkpointing = True
    _no_split_modules = ("GPTNeoCrossBlock",)
    _skip_keys_device_placement = ("past_key_values",)
    _supports_sdpa = True
    # Checkpoints of older versions carry the causal mask as a buffer.
    _keys_to_ignore_on_load_unexpected = (r"attn\.attention\.(bias|masked_bias)$",)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if getattr(module, "_starts_at_zero", False):
            init.zeros_(module.weight)
            init.zeros_(module.bias)


class CrossGPTNeoModel(CrossGPTNeoPreTrainedModel):
    """The layers, without a head."""

    def __init__(self, config: CrossGPTNeoConfig) -> None:
        super().__init__(config)
        self.wte = nn.Embedding(config.vocab_size, config.hidden_size)
        self.wpe = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.drop = nn.Dropout(float(config.embed_dropout))
        self.h = nn.ModuleList(GPTNeoCrossBlock(config, layer) for layer in range(config.num_layers))
        self.ln_f = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_epsilon)
        self.gradient_checkpointing = False
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Return the embeddings of the vocabulary."""
        return self.wte

    def set_input_embeddings(self, new_embeddings: nn.Module) -> None:
        """Replace the embeddings of the vocabulary."""
        self.wte = new_embeddings

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        encoder_hidden_states: torch.Tensor | None = None,
        encoder_attention_mask: torch.Tensor | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **_: Any,
    ) -> tuple[Any, ...] | BaseModelOutputWithPastAndCrossAttentions:
        """Return the states of the last layer.

        Args:
            input_ids: tokens, shape (batch, positions); or else `inputs_embeds`.
            past_key_values: what an earlier call left.
            attention_mask: 1 for tokens, 0 for padding, shape (batch, all positions so far).
            position_ids: places of the tokens; counted from the cache if None.
            inputs_embeds: shape (batch, positions, hidden size).
            encoder_hidden_states: shape (batch, sources, memory size); without them the layers attend to nothing else.
            encoder_attention_mask: 1 for sources, 0 for padding, shape (batch, sources).
            use_cache: return a cache.
            output_attentions: return the weights, for which attention must be eager.
            output_hidden_states: return the states of each layer.
            return_dict: return an object, not a tuple.

        Raises:
            UsageError: an encoder is given to a model that was made without cross-attention.
            LimitError: a text longer than the model has positions for.
        """
        config = self.config
        use_cache = config.use_cache if use_cache is None else use_cache
        output_attentions = config.output_attentions if output_attentions is None else output_attentions
        output_hidden_states = config.output_hidden_states if output_hidden_states is None else output_hidden_states
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        if encoder_hidden_states is not None and not config.add_cross_attention:
            raise UsageError("this GPT-Neo has no cross-attention", "make it with add_cross_attention=True")
        if self.gradient_checkpointing and self.training:
            use_cache = False
        embedded = self.wte(input_ids) if inputs_embeds is None else inputs_embeds
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache()
        if use_cache and config.add_cross_attention and not isinstance(past_key_values, EncoderDecoderCache):
            # Without a configuration: nothing about sources is windowed.
            past_key_values = EncoderDecoderCache(past_key_values, DynamicCache())
        seen = 0 if past_key_values is None else past_key_values.get_seq_length()
        if seen + embedded.shape[1] > config.max_position_embeddings:
            raise LimitError(
                f"a text of {seen + embedded.shape[1]} tokens is longer than the {config.max_position_embeddings} "
                "positions of this GPT-Neo",
                "write less at once, or take a model with more positions",
            )
        if position_ids is None:
            position_ids = torch.arange(seen, seen + embedded.shape[1], device=embedded.device).unsqueeze(0)
        masks = self._masks(embedded, attention_mask, past_key_values, position_ids)
        memory_mask, informed = self._memory_mask(embedded, encoder_hidden_states, encoder_attention_mask)
        states = self.drop(embedded + self.wpe(position_ids))
        passed: list[torch.Tensor] = []
        attended: list[tuple[torch.Tensor | None, torch.Tensor | None]] = []
        for block, kind in zip(self.h, config.attention_layers, strict=True):
            passed.append(states)
            states, weights, cross_weights = block(
                states, masks[kind], encoder_hidden_states, memory_mask, informed, past_key_values
            )
            attended.append((weights, cross_weights))
        states = self.ln_f(states)
        result = BaseModelOutputWithPastAndCrossAttentions(
            last_hidden_state=states,
            past_key_values=past_key_values if use_cache else None,
            hidden_states=(*passed, states) if output_hidden_states else None,
            attentions=tuple(own for own, _ in attended) if output_attentions else None,
            cross_attentions=tuple(cross for _, cross in attended)
            if output_attentions and encoder_hidden_states is not None
            else None,
        )
        return result if return_dict or return_dict is None else result.to_tuple()

    def _masks(
        self,
        embedded: torch.Tensor,
        attention_mask: torch.Tensor | None,
        cache: Cache | None,
        position_ids: torch.Tensor,
    ) -> dict[str, torch.Tensor | None]:
        """Return the causal masks of the kinds of layers that there are."""
        given = {
            "config": self.config,
            "inputs_embeds": embedded,
            "attention_mask": attention_mask,
            "past_key_values": cache,
            "position_ids": position_ids,
        }
        masks: dict[str, torch.Tensor | None] = {}
        if "global" in self.config.attention_layers:
            masks["global"] = create_causal_mask(**given)
        if "local" in self.config.attention_layers:
            window = sliding_window_overlay(self.config.window_size)
            masks["local"] = create_causal_mask(**given, and_mask_function=window, allow_is_causal_skip=False)
        return masks

    def _memory_mask(
        self, embedded: torch.Tensor, memory: torch.Tensor | None, mask: torch.Tensor | None
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Return the mask of the sources, and which examples have any, shape (batch, 1, 1)."""
        if memory is None or mask is None:
            return None, None
        ready = create_bidirectional_mask(
            config=self.config, inputs_embeds=embedded, attention_mask=mask, encoder_hidden_states=memory
        )
        return ready, mask.bool().any(-1)[:, None, None]


class CrossGPTNeoForCausalLM(CrossGPTNeoPreTrainedModel, GenerationMixin):
    """The layers with a language-model head, which shares its weights with the embeddings."""

    _tied_weights_keys = {"lm_head.weight": "transformer.wte.weight"}  # noqa: RUF012  # transformers reads a plain dict

    def __init__(self, config: CrossGPTNeoConfig) -> None:
        super().__init__(config)
        self.transformer = CrossGPTNeoModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_output_embeddings(self) -> nn.Module:
        """Return the head."""
        return self.lm_head

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        """Replace the head."""
        self.lm_head = new_embeddings

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        encoder_hidden_states: torch.Tensor | None = None,
        encoder_attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        logits_to_keep: int = 0,
        **kwargs: Any,
    ) -> tuple[Any, ...] | CausalLMOutputWithCrossAttentions:
        """Return logits, and the mean loss of the next tokens where there are labels.

        Args:
            input_ids: as in `CrossGPTNeoModel.forward`, and so are the others but these.
            past_key_values: see there.
            attention_mask: see there.
            position_ids: see there.
            inputs_embeds: see there.
            encoder_hidden_states: see there.
            encoder_attention_mask: see there.
            labels: the tokens themselves, −100 where none counts, shape (batch, positions); they are shifted here.
            use_cache: see there.
            output_attentions: see there.
            output_hidden_states: see there.
            return_dict: see there.
            logits_to_keep: only of so many last positions; 0 takes all.
            **kwargs: for the loss.
        """
        passed: Any = self.transformer(
            input_ids,
            past_key_values=past_key_values,
            attention_mask=attention_mask,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
            encoder_hidden_states=encoder_hidden_states,
            encoder_attention_mask=encoder_attention_mask,
            use_cache=use_cache,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )
        logits = self.lm_head(passed.last_hidden_state[:, -logits_to_keep:])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.vocab_size, **kwargs)
        result = CausalLMOutputWithCrossAttentions(
            loss=loss,
            logits=logits,
            past_key_values=passed.past_key_values,
            hidden_states=passed.hidden_states,
            attentions=passed.attentions,
            cross_attentions=passed.cross_attentions,
        )
        return result if return_dict or return_dict is None else result.to_tuple()


AutoConfig.register(CrossGPTNeoConfig.model_type, CrossGPTNeoConfig, exist_ok=True)
AutoModel.register(CrossGPTNeoConfig, CrossGPTNeoModel, exist_ok=True)
AutoModelForCausalLM.register(CrossGPTNeoConfig, CrossGPTNeoForCausalLM, exist_ok=True)
