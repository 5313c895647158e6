"""GPT-Neo with cross-attention: transformers' model, and behind each self-attention one over an encoder's states.

Self-attention stays what it is in GPT-Neo: unscaled products of queries and keys, `Linear` projections, layers that see
everything and layers that see a window in turns. Cross-attention (Vaswani et al. 2017) sees all of the encoder's states
in every layer, with scaled products. Its output projection starts at zero, so that a pretrained decoder that has just
been given cross-attention says exactly what it said before.
"""

# No `from __future__ import annotations`: transformers reads the annotations when a model is registered.
# transformers is typed in part.
# mypy: disallow-untyped-calls=False

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    DynamicCache,
    EncoderDecoderCache,
    GenerationMixin,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers import initialization as init
from transformers.cache_utils import Cache
from transformers.masking_utils import create_bidirectional_mask, create_causal_mask, sliding_window_overlay
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions, CausalLMOutputWithCrossAttentions
from transformers.utils.import_utils import is_tracing

from odqa.errors import LimitError, UsageError
from odqa.reader.neural.gpt_neo_layers import CrossGPTNeoConfig as CrossGPTNeoConfig
from odqa.reader.neural.gpt_neo_layers import GPTNeoCrossBlock


def check_length(length: int, config: PreTrainedConfig) -> None:
    """Refuse a text that the decoder has no positions for.

    Raises:
        LimitError: it is too long.
    """
    if length > config.max_position_embeddings:
        raise LimitError(
            f"a text of {length} tokens is longer than the {config.max_position_embeddings} positions of the decoder",
            "write less at once, or take a decoder with more positions",
        )


def check_room(begun: int, options: Mapping[str, Any], model: GenerationMixin, config: PreTrainedConfig) -> None:
    """Refuse a generation that asks for more tokens than the decoder has positions for.

    Args:
        begun: tokens that there are.
        options: of `generate`.
        model: whose settings hold where the options say nothing.
        config: of the decoder.

    Raises:
        LimitError: the text would grow too long.
    """
    chosen = options.get("generation_config") or model.generation_config
    wanted = options.get("max_new_tokens") or chosen.max_new_tokens
    length = begun + wanted if wanted else options.get("max_length") or chosen.max_length or begun
    check_length(length - 1, config)  # The last token that is written is not read again.


class GenerationCache(EncoderDecoderCache):
    """A cache whose part for the encoder's states stays as it is when beams change places.

    The beams of an example read the same states, and a beam never leaves its example: moving their keys and values,
    which transformers does at each step, costs more than a step of a small decoder.
    """

    def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
        """Move what the decoder itself has written; `beam_idx` has shape (batch × beams)."""
        self.self_attention_cache.reorder_cache(beam_idx)


def generation_options(model: GenerationMixin, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a generation with a cache that suits the model.

    transformers fills a static cache wrongly for GPT-Neo, and would make windowed layers, for the encoder's states too,
    wherever a configuration mentions a sliding window: so the cache is made here.

    Args:
        model: that will write.
        options: of `generate`.

    Raises:
        UsageError: another cache is asked for than a dynamic one.
    """
    chosen = options.get("generation_config") or model.generation_config
    kind = options.get("cache_implementation") or chosen.cache_implementation
    if kind not in (None, "dynamic"):
        raise UsageError(f"the cache {kind!r} does not work with this model", "leave out cache_implementation")
    wanted = chosen.use_cache if options.get("use_cache") is None else options["use_cache"]
    if kind is not None or wanted is False or options.get("past_key_values") is not None:
        return dict(options)
    return {**options, "past_key_values": GenerationCache(DynamicCache(), DynamicCache())}


class CrossGPTNeoPreTrainedModel(PreTrainedModel):
    """What the models below share: how weights begin, and what transformers may do with them."""

    config: CrossGPTNeoConfig
    config_class = CrossGPTNeoConfig
    base_model_prefix = "transformer"
    supports_gradient_checkpointing = True
    _no_split_modules = ["GPTNeoCrossBlock"]  # noqa: RUF012  # transformers declares lists
    _skip_keys_device_placement = ["past_key_values"]  # noqa: RUF012
    _supports_sdpa = True
    # Checkpoints of older versions carry the causal mask as a buffer.
    _keys_to_ignore_on_load_unexpected = [r"attn\.attention\.(bias|masked_bias)$"]  # noqa: RUF012

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, nn.Linear) and getattr(module, "_starts_at_zero", False):
            init.zeros_(module.weight)
            if module.bias is not None:
                init.zeros_(module.bias)


class CrossGPTNeoModel(CrossGPTNeoPreTrainedModel):
    """The layers, without a head."""

    def __init__(self, config: CrossGPTNeoConfig) -> None:
        super().__init__(config)
        self.wte: nn.Module = nn.Embedding(config.vocab_size, config.hidden_size)
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
        embedded = self.wte(input_ids) if inputs_embeds is None else inputs_embeds
        cache = self._cache(past_key_values, use_cache and not (self.gradient_checkpointing and self.training))
        seen = 0 if cache is None else cache.get_seq_length()
        check_length(seen + embedded.shape[1], config)
        if position_ids is None:
            position_ids = torch.arange(seen, seen + embedded.shape[1], device=embedded.device).unsqueeze(0)
        masks = self._masks(embedded, attention_mask, cache, position_ids, seen + embedded.shape[1])
        memory_mask, informed = self._memory_mask(embedded, encoder_hidden_states, encoder_attention_mask)
        states = self.drop(embedded + self.wpe(position_ids))
        passed: list[torch.Tensor] = []
        attended: list[tuple[torch.Tensor, torch.Tensor]] = []
        for block, kind in zip(self.h, config.attention_layers, strict=True):
            passed.append(states)
            states, *weights = block(states, masks[kind], encoder_hidden_states, memory_mask, informed, cache)
            attended.append((weights[0], weights[1]))
        states = self.ln_f(states)
        informed_too = output_attentions and encoder_hidden_states is not None
        result = BaseModelOutputWithPastAndCrossAttentions(
            last_hidden_state=states,
            past_key_values=cache if use_cache else None,
            hidden_states=(*passed, states) if output_hidden_states else None,
            attentions=tuple(own for own, _ in attended) if output_attentions else None,
            cross_attentions=tuple(cross for _, cross in attended) if informed_too else None,
        )
        return result if return_dict or return_dict is None else result.to_tuple()

    def _cache(self, given: Cache | None, wanted: bool) -> Cache | None:
        """Return what keys and values go to: what was given, with a place for the encoder's; or a new cache."""
        if given is not None and given.is_compileable:
            raise UsageError("a static cache does not work with GPT-Neo", "leave out cache_implementation")
        if not wanted or isinstance(given, EncoderDecoderCache) or not self.config.add_cross_attention:
            return DynamicCache() if wanted and given is None else given
        # Without a configuration: nothing about sources is windowed.
        return EncoderDecoderCache(DynamicCache() if given is None else given, DynamicCache())

    def _masks(
        self,
        embedded: torch.Tensor,
        attention_mask: torch.Tensor | None,
        cache: Cache | None,
        position_ids: torch.Tensor,
        length: int,
    ) -> dict[str, Any]:
        """Return the causal masks of the kinds of layers that there are; `length` is that of the text so far."""
        given: dict[str, Any] = {
            "config": self.config,
            "inputs_embeds": embedded,
            "attention_mask": attention_mask,
            "past_key_values": cache,
            "position_ids": position_ids,
        }
        masks: dict[str, Any] = {"global": create_causal_mask(**given)}
        if "local" not in self.config.attention_layers or length <= self.config.window_size:
            masks["local"] = masks["global"]  # The window holds the whole text.
        else:
            window = sliding_window_overlay(self.config.window_size)
            masks["local"] = create_causal_mask(**given, and_mask_function=window, allow_is_causal_skip=False)
        return masks

    def _memory_mask(
        self, embedded: torch.Tensor, memory: torch.Tensor | None, mask: torch.Tensor | None
    ) -> tuple[Any, torch.Tensor | None]:
        """Return the mask of the sources, and which examples have any, shape (batch, 1, 1); None if all have.

        Softmax over nothing is no number, nor is its gradient: an example without any source looks at all of them, and
        the layers leave out what it finds.
        """
        if memory is None or mask is None:
            return None, None
        there = mask.bool()
        if not is_tracing(mask) and bool(there.all()):
            return None, None  # Nothing to hide, as with a single example: attention without a mask is faster.
        informed = there.any(-1, keepdim=True)
        ready = create_bidirectional_mask(
            config=self.config,
            inputs_embeds=embedded,
            attention_mask=there | ~informed,
            encoder_hidden_states=memory,
        )
        everywhere = not is_tracing(mask) and bool(informed.all())
        return ready, None if everywhere else informed[:, None]


class CrossGPTNeoForCausalLM(CrossGPTNeoPreTrainedModel, GenerationMixin):
    """The layers with a language-model head, which shares its weights with the embeddings."""

    _tied_weights_keys = {"lm_head.weight": "transformer.wte.weight"}  # noqa: RUF012  # transformers reads a plain dict

    def __init__(self, config: CrossGPTNeoConfig) -> None:
        super().__init__(config)
        self.transformer = CrossGPTNeoModel(config)
        self.lm_head: nn.Module = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_output_embeddings(self) -> nn.Module:
        """Return the head."""
        return self.lm_head

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        """Replace the head."""
        self.lm_head = new_embeddings

    @torch.no_grad()
    def generate(self, inputs: torch.Tensor | None = None, **options: Any) -> Any:  # type: ignore[override]
        """Write texts as transformers' `generate` does, whose arguments these are.

        Raises:
            UsageError: a static cache is asked for, which transformers fills wrongly for GPT-Neo.
            LimitError: more tokens are asked for than the model has positions.
        """
        ready = generation_options(self, options)
        prompt = ready.get("input_ids") if inputs is None else inputs
        check_room(1 if prompt is None else prompt.shape[1], ready, self, self.config)
        return super().generate(inputs, **ready)  # type: ignore[misc]

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
