"""An encoder of the BERT family and a causal decoder as one model: fusion-in-decoder (Izacard and Grave 2021).

Each passage is encoded for itself, beside the question; the decoder attends to the states of all of them at once. So the
cost grows linearly with the passages, and their order means nothing. Every passage has a number that is added to its
states, which is what a citation is written from. The class is our own because transformers' `EncoderDecoderModel` knows
one input text, no GPT-Neo, and no copy path.
"""

# No `from __future__ import annotations`: transformers reads the annotations when a model is registered.

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    GenerationMixin,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers import initialization as init
from transformers.cache_utils import Cache
from transformers.modeling_outputs import Seq2SeqLMOutput

from odqa.errors import LimitError, ModelError, UsageError
from odqa.reader.neural.gpt_neo import CrossGPTNeoConfig, CrossGPTNeoForCausalLM
from odqa.reader.neural.pointer import Memory, Pointer, begin, mixture, target_log_probability

DECODERS = ("gpt_neo", "gpt2", CrossGPTNeoConfig.model_type)
_IGNORED = -100


@strict
class FusionConfig(PreTrainedConfig):
    """Configuration of an encoder and a decoder, and of what lies between them.

    Attributes:
        encoder: of the encoder.
        decoder: of the decoder.
        sources: highest number that a passage may have; 0 is that of passages without one.
        kinds: kinds of inputs that the decoder tells apart: passages, structured summaries.
        pointer: whether there is a copy path.
        copy_gate: where the gate of the copy path begins: logit of copying rather than writing.
        rows_at_once: passages that go through the encoder together when nothing is learned; bounds memory.
        decoder_start_token_id: what the decoder's text begins with; not padding, which is masked.
    """

    model_type = "odqa_fusion"
    sub_configs = {"encoder": AutoConfig, "decoder": AutoConfig}  # noqa: RUF012  # as transformers declares it

    encoder: PreTrainedConfig | dict | None = None
    decoder: PreTrainedConfig | dict | None = None
    sources: int = 64
    kinds: int = 2
    pointer: bool = False
    copy_gate: float = -2.0
    rows_at_once: int = 64
    is_encoder_decoder: bool | None = True
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    decoder_start_token_id: int | None = None
    tie_word_embeddings: bool = True

    def __post_init__(self, **kwargs: Any) -> None:
        self.encoder, self.decoder = _config_of(self.encoder), _config_of(self.decoder)
        super().__post_init__(**kwargs)


def _config_of(given: PreTrainedConfig | Mapping[str, Any] | None) -> PreTrainedConfig | None:
    if given is None or isinstance(given, PreTrainedConfig):
        return given
    values = dict(given)
    return AutoConfig.for_model(values.pop("model_type"), **values)


@dataclass
class FusionOutput(Seq2SeqLMOutput):
    """What a call gives.

    Attributes:
        token_losses: loss of each target, shape (batch, positions); 0 where none counts.
    """

    token_losses: torch.Tensor | None = None


class FusionModel(PreTrainedModel, GenerationMixin):
    """An encoder over passages and a decoder with cross-attention over all of them, and maybe a copy path."""

    config: FusionConfig
    config_class = FusionConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _tied_weights_keys = {"decoder.lm_head.weight": "decoder.transformer.wte.weight"}  # noqa: RUF012

    def __init__(self, config: FusionConfig, encoder: Any = None, decoder: Any = None) -> None:
        """Make a model.

        Args:
            config: of both parts.
            encoder: with its weights; made from the configuration if None.
            decoder: likewise.
        """
        super().__init__(config)
        self.encoder = AutoModel.from_config(config.encoder, **_pooled(config.encoder)) if encoder is None else encoder
        self.decoder = AutoModelForCausalLM.from_config(config.decoder) if decoder is None else decoder
        wide, size = config.encoder.hidden_size, config.decoder.hidden_size
        # GPT-2's cross-attention takes states of its own size only; GPT-Neo's brings projections.
        self.adapter = nn.Identity() if wide == _memory_size(config.decoder) else nn.Linear(wide, size, bias=False)
        memory = wide if isinstance(self.adapter, nn.Identity) else size
        self.source_embeddings = nn.Embedding(config.sources + 1, memory)
        self.kind_embeddings = nn.Embedding(config.kinds, memory)
        self.kind_embeddings._starts_at_zero = True  # type: ignore[assignment]
        self.pointer = Pointer(size, memory, config.copy_gate) if config.pointer else None
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if begin(module):
            return
        super()._init_weights(module)
        if isinstance(module, nn.Embedding) and getattr(module, "_starts_at_zero", False):
            init.zeros_(module.weight)

    @classmethod
    def from_parts(
        cls,
        encoder: str | Path,
        decoder: str | Path | PreTrainedConfig,
        *,
        attn_implementation: str = "sdpa",
        **options: Any,
    ) -> Self:
        """Make a model from a pretrained encoder and a pretrained decoder, or the shape of one.

        Args:
            encoder: folder or hub name of a model of the BERT family.
            decoder: folder or hub name of a GPT-Neo or GPT-2, which is given cross-attention; or a configuration, whose
                weights begin at random.
            attn_implementation: of both.
            **options: of `FusionConfig`.

        Raises:
            ModelError: a part cannot be loaded, or is of another kind.
        """
        try:
            without = _pooled(AutoConfig.from_pretrained(encoder))
            encoding: Any = AutoModel.from_pretrained(encoder, attn_implementation=attn_implementation, **without)
            decoding = _decoder(decoder, encoding.config.hidden_size, attn_implementation)
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"no encoder–decoder from {encoder} and {decoder}: {error}") from error
        config = FusionConfig(encoder=encoding.config, decoder=decoding.config, **options)
        config._attn_implementation = attn_implementation  # Else transformers takes that of the parts back.
        # `post_init` leaves alone what was loaded.
        return cls(config, encoding, decoding).eval()

    def get_encoder(self, *_: Any, **__: Any) -> Any:
        """Return the encoder of single passages; `encode` gives what the decoder reads."""
        return self.encoder

    def get_decoder(self, *_: Any, **__: Any) -> Any:
        """Return the decoder."""
        return self.decoder

    def get_input_embeddings(self) -> nn.Module:
        """Return the embeddings of the encoder's vocabulary."""
        return self.encoder.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module:
        """Return the decoder's head."""
        return self.decoder.get_output_embeddings()

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        """Replace the decoder's head."""
        self.decoder.set_output_embeddings(new_embeddings)

    def encode(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        sources: torch.Tensor | None = None,
        kinds: torch.Tensor | None = None,
        copy_tokens: torch.Tensor | None = None,
        copy_places: torch.Tensor | None = None,
    ) -> Memory:
        """Return what the decoder reads: the states of all passages behind each other, without padding between them.

        Args:
            input_ids: tokens of question and passage, shape (batch, passages, tokens).
            attention_mask: 1 for tokens, 0 for padding, like `input_ids`; passages without tokens are no passages.
            sources: numbers of the passages, shape (batch, passages); all 0 if None.
            kinds: kinds of the passages, shape (batch, passages); all 0 if None.
            copy_tokens: tokens of the decoder's vocabulary that may be copied, −100 for none, shape
                (batch, passages, copies).
            copy_places: the encoder's token that each of them stands at, like `copy_tokens`.

        Raises:
            LimitError: a passage longer than the encoder has positions for, or more numbers than the model knows.
        """
        batch, passages, length = input_ids.shape
        most = int(getattr(self.config.encoder, "max_position_embeddings", length))
        if length > most:
            raise LimitError(f"a passage of {length} tokens is longer than the encoder's {most} positions")
        if sources is not None and int(sources.max()) > self.config.sources:
            raise LimitError(f"passage number {int(sources.max())} is above the model's {self.config.sources}")
        present = attention_mask.any(-1)
        rows = self.adapter(self._encode_rows(input_ids[present], attention_mask[present]))
        states = rows.new_zeros(batch, passages, length, rows.shape[-1])
        states[present] = rows
        if sources is not None:
            states = states + self.source_embeddings(sources)[:, :, None]
        if kinds is not None:
            states = states + self.kind_embeddings(kinds)[:, :, None]
        flat = states.flatten(1, 2)
        mask, memory = packed(attention_mask.flatten(1).bool(), flat)
        if self.pointer is None or copy_tokens is None or copy_places is None:
            return Memory(last_hidden_state=memory, mask=mask)
        starts = torch.arange(passages, device=flat.device)[None, :, None] * length
        before = nn.functional.pad(copy_tokens[..., :-1], (1, 0), value=_IGNORED)
        given, tokens, before, places = packed(
            copy_tokens.flatten(1) >= 0,
            copy_tokens.flatten(1),
            before.flatten(1),
            (copy_places.clamp_min(0) + starts).flatten(1),
        )
        embedded = self.decoder.get_input_embeddings()(before.clamp_min(0)) * (before >= 0)[..., None]
        at = flat.gather(1, places[..., None].expand(-1, -1, flat.shape[-1]))
        keys = self.pointer.key_of(at, embedded)
        tokens = tokens.clamp_min(0)
        return Memory(last_hidden_state=memory, mask=mask, copy_keys=keys, copy_tokens=tokens, copy_mask=given)

    def _encode_rows(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return the encoder's states of passages, shape (rows, tokens, size)."""
        if not len(tokens):
            return torch.zeros(0, tokens.shape[1], self.config.encoder.hidden_size, device=tokens.device)
        learned = torch.is_grad_enabled() and any(value.requires_grad for value in self.encoder.parameters())
        at_once = len(tokens) if learned else self.config.rows_at_once
        with torch.set_grad_enabled(learned):
            parts = [
                self.encoder(input_ids=some, attention_mask=its).last_hidden_state
                for some, its in zip(tokens.split(at_once), mask.split(at_once), strict=True)
            ]
        return torch.cat(parts)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        sources: torch.Tensor | None = None,
        kinds: torch.Tensor | None = None,
        copy_tokens: torch.Tensor | None = None,
        copy_places: torch.Tensor | None = None,
        encoder_outputs: Memory | None = None,
        decoder_input_ids: torch.Tensor | None = None,
        decoder_attention_mask: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        labels: torch.Tensor | None = None,
        label_weights: torch.Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int = 0,
        **_: Any,
    ) -> FusionOutput:
        """Return the logits of the decoder's next tokens; or, where there are labels, their loss alone.

        With a copy path the logits are the logs of the mixture's probabilities. With labels they are left out, since
        the mixture over the whole vocabulary takes more memory than all else in a training step.

        Args:
            input_ids: as in `encode`, and so are the next five.
            attention_mask: see there.
            sources: see there.
            kinds: see there.
            copy_tokens: see there.
            copy_places: see there.
            encoder_outputs: what `encode` gave, instead of those.
            decoder_input_ids: the text so far, shape (batch, positions); made from the labels if None.
            decoder_attention_mask: 1 for tokens, 0 for padding, shape (batch, all positions so far).
            past_key_values: what an earlier call left.
            labels: the text to be written, −100 where none counts, shape (batch, positions).
            label_weights: what each target counts, like `labels`; 1 if None. The loss is divided by the number of
                targets, not by the sum of their weights, so that a batch of doubtful targets moves the model less.
            use_cache: return a cache.
            logits_to_keep: only of so many last positions; 0 takes all.

        Raises:
            LimitError: as `encode` does, and where the text is longer than the decoder has positions for.
        """
        memory = encoder_outputs
        if memory is None:
            if input_ids is None or attention_mask is None:
                raise ValueError("give input_ids and attention_mask, or encoder_outputs")
            memory = self.encode(input_ids, attention_mask, sources, kinds, copy_tokens, copy_places)
        if decoder_input_ids is None:
            if labels is None:
                raise ValueError("give decoder_input_ids or labels")
            decoder_input_ids = self.shifted(labels)
        self._check_length(decoder_input_ids.shape[1])
        mask = memory.mask
        if mask is not None and self.config.decoder.model_type == "gpt2":
            # Softmax over nothing is no number: an example without any source attends to a zero.
            mask = torch.cat([mask[:, :1] | ~mask.any(-1, keepdim=True), mask[:, 1:]], 1)
        passed: Any = self.decoder.transformer(
            input_ids=decoder_input_ids,
            attention_mask=decoder_attention_mask,
            past_key_values=past_key_values,
            encoder_hidden_states=memory.last_hidden_state,
            encoder_attention_mask=None if mask is None else mask.long(),
            use_cache=bool(use_cache),
        )
        states = passed.last_hidden_state[:, -logits_to_keep:]
        own = self.decoder.lm_head(states)
        copies = None
        if self.pointer is not None and memory.copy_keys is not None and memory.copy_mask is not None:
            copies = (*self.pointer(states, memory.copy_keys, memory.copy_mask), memory.copy_tokens)
        if labels is None:
            logits = own if copies is None else mixture(own, *copies)
            return FusionOutput(
                logits=logits,
                past_key_values=passed.past_key_values,
                encoder_last_hidden_state=memory.last_hidden_state,
            )
        targets = labels.clamp_min(0)
        if copies is None:
            found = own.float().log_softmax(-1).gather(-1, targets[..., None]).squeeze(-1)
        else:
            found = target_log_probability(own, *copies, targets)
        losses = torch.where(labels >= 0, -found, 0.0)
        weighted = losses if label_weights is None else losses * label_weights
        loss = weighted.sum() / (labels >= 0).sum().clamp_min(1)
        return FusionOutput(loss=loss, token_losses=losses, encoder_last_hidden_state=memory.last_hidden_state)

    def shifted(self, labels: torch.Tensor) -> torch.Tensor:
        """Return what the decoder reads to write the labels: the start, then all but the last of them."""
        start = self.config.decoder_start_token_id
        if start is None:
            raise UsageError("decoder_start_token_id is not set in this model's configuration")
        padding = self.config.pad_token_id
        filled = labels.masked_fill(labels < 0, start if padding is None else padding)
        return torch.cat([filled.new_full((len(filled), 1), start), filled[:, :-1]], 1)

    def _check_length(self, length: int) -> None:
        most = self.config.decoder.max_position_embeddings
        if length > most:
            raise LimitError(
                f"a text of {length} tokens is longer than the {most} positions of this decoder",
                "write less at once, or take a decoder with more positions",
            )

    @torch.no_grad()
    def generate(self, inputs: torch.Tensor | None = None, **options: Any) -> Any:
        """Write texts; what transformers' `generate` takes is taken here, too.

        Args:
            inputs: `input_ids`, as in `encode`.
            **options: the other arguments of `encode`, and those of generation.

        Raises:
            UsageError: a static cache is asked for, which transformers fills wrongly for GPT-Neo.
            LimitError: more tokens are asked for than the decoder has positions.
        """
        chosen = options.get("generation_config") or self.generation_config
        kind = options.get("cache_implementation") or getattr(chosen, "cache_implementation", None)
        if kind not in (None, "dynamic"):
            raise UsageError(f"the cache {kind!r} does not work with this model", "leave out cache_implementation")
        wanted = options.get("max_new_tokens") or getattr(chosen, "max_new_tokens", None)
        length = 1 + wanted if wanted else options.get("max_length") or 0
        # The last token that is written is not read again.
        self._check_length(length - 1)
        names = ("attention_mask", "sources", "kinds", "copy_tokens", "copy_places")
        given = {name: options.pop(name) for name in names if name in options}
        tokens = options.pop("input_ids", inputs)
        if options.get("encoder_outputs") is None:
            if tokens is None:
                raise ValueError("give input_ids or encoder_outputs")
            given.setdefault("attention_mask", torch.ones_like(tokens))
            options["encoder_outputs"] = self.encode(tokens, **given)
        return super().generate(**options)


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


def _memory_size(decoder: PreTrainedConfig) -> int:
    """Size of the states that a decoder attends to."""
    return decoder.memory_size if isinstance(decoder, CrossGPTNeoConfig) else int(decoder.hidden_size)


def _pooled(encoder: PreTrainedConfig) -> dict[str, Any]:
    """Leave out the pooling layer of BERT and RoBERTa, which nothing here uses."""
    return {"add_pooling_layer": False} if encoder.model_type in _POOLING else {}


_POOLING = ("bert", "roberta", "xlm-roberta", "camembert")


def _decoder(decoder: str | Path | PreTrainedConfig, memory_size: int, attn_implementation: str) -> Any:
    """Return a decoder with cross-attention that changes nothing yet."""
    given = decoder if isinstance(decoder, PreTrainedConfig) else AutoConfig.from_pretrained(decoder)
    if given.model_type not in DECODERS:
        raise ModelError(f"{decoder}: a decoder of kind {given.model_type!r}", f"those that work: {', '.join(DECODERS)}")
    values = given.to_dict()
    values.pop("model_type", None)
    values.pop("architectures", None)
    if given.model_type == "gpt2":
        config: PreTrainedConfig = type(given)(**{**values, "add_cross_attention": True, "is_decoder": True})
        kind: Any = AutoModelForCausalLM
    else:
        config = CrossGPTNeoConfig(**{**values, "add_cross_attention": True, "cross_attention_hidden_size": memory_size})
        kind = CrossGPTNeoForCausalLM
    if isinstance(decoder, PreTrainedConfig):
        model = AutoModelForCausalLM.from_config(config, attn_implementation=attn_implementation)
    else:
        model = kind.from_pretrained(decoder, config=config, attn_implementation=attn_implementation)
    if given.model_type == "gpt2":
        with torch.no_grad():
            for name, value in model.named_parameters():
                if ".crossattention.c_proj." in name and not isinstance(decoder, PreTrainedConfig):
                    value.zero_()
    return model


AutoConfig.register(FusionConfig.model_type, FusionConfig, exist_ok=True)
AutoModel.register(FusionConfig, FusionModel, exist_ok=True)
AutoModelForSeq2SeqLM.register(FusionConfig, FusionModel, exist_ok=True)
