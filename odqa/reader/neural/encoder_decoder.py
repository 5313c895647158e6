"""An encoder of the BERT family and a causal decoder as one model: fusion-in-decoder (Izacard and Grave 2021).

Each passage is encoded for itself, beside the question; the decoder attends to the states of all of them at once. So
the cost grows linearly with the passages, and their order means nothing. Every passage has a number that is added to
its states, which is what a citation is written from. The class is our own because transformers' `EncoderDecoderModel`
knows one input text, no GPT-Neo, and no copy path.
"""

# No `from __future__ import annotations`: transformers reads the annotations when a model is registered.
# transformers is typed in part.
# mypy: disallow-untyped-calls=False

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
    AutoModelForSeq2SeqLM,
    GenerationMixin,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers import initialization as init
from transformers.cache_utils import Cache
from transformers.modeling_outputs import Seq2SeqLMOutput

from odqa.errors import LimitError, UsageError
from odqa.reader.neural.gpt_neo import check_length, check_room, generation_options
from odqa.reader.neural.pointer import (
    Memory,
    Pointer,
    begin,
    mixture,
    own_log_probability,
    packed,
    target_log_probability,
)
from odqa.reader.neural.pretrained import decoder_from, encoder_from, load_parts, memory_size

_IGNORED = -100
_Copies = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


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
        copy_induction: share of the identity that the copy path begins with (`Pointer`); 0 for pretrained decoders,
            whose states resemble the token to come rather than the one just read.
        rows_at_once: passages that go through the encoder together when nothing is learned; bounds memory.
        decoder_start_token_id: what the decoder's text begins with; not padding, which is masked.
    """

    model_type = "odqa_fusion"
    sub_configs = {"encoder": AutoConfig, "decoder": AutoConfig}  # noqa: RUF012  # as transformers declares it

    encoder: Any = None
    decoder: Any = None
    sources: int = 64
    kinds: int = 2
    pointer: bool = False
    copy_gate: float = -2.0
    copy_induction: float = 0.0
    rows_at_once: int = 16
    is_encoder_decoder: bool = True
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
        self.encoder = encoder_from(config.encoder) if encoder is None else encoder
        self.decoder = decoder_from(config.decoder) if decoder is None else decoder
        wide, size, read = config.encoder.hidden_size, config.decoder.hidden_size, memory_size(config.decoder)
        # GPT-2's cross-attention takes states of its own size only; GPT-Neo's brings projections.
        self.adapter = nn.Identity() if wide == read else nn.Linear(wide, read, bias=False)
        self.source_embeddings = nn.Embedding(config.sources + 1, read)
        self.kind_embeddings = nn.Embedding(config.kinds, read)
        self.kind_embeddings._starts_at_zero = True  # type: ignore[assignment]
        self.pointer = Pointer(size, read, config.copy_gate, config.copy_induction) if config.pointer else None
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if begin(module, float(self.config.decoder.initializer_range)):
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
        dtype: torch.dtype = torch.float32,
        **options: Any,
    ) -> Self:
        """Make a model from a pretrained encoder and a pretrained decoder, or the shape of one.

        Args:
            encoder: folder or hub name of a model of the BERT family.
            decoder: folder or hub name of a GPT-Neo or GPT-2, which is given cross-attention; or a configuration, whose
                weights begin at random.
            attn_implementation: of both.
            dtype: of both, in whatever precision they were saved.
            **options: of `FusionConfig`.

        Raises:
            ModelError: a part cannot be loaded, or is of another kind.
        """
        encoding, decoding = load_parts(encoder, decoder, attn_implementation, dtype)
        options.setdefault("tie_word_embeddings", decoding.config.tie_word_embeddings)
        config = FusionConfig(encoder=encoding.config, decoder=decoding.config, **options)
        config._attn_implementation = attn_implementation  # Else transformers takes that of the parts back.
        # `post_init` leaves alone what was loaded.
        model = cls(config, encoding, decoding)
        model.eval()
        return model

    def train(self, mode: bool = True) -> Self:
        """Switch to training, or back; parts of the encoder that are frozen drop nothing out.

        Dropout regularises weights that are learned; in frozen ones it is noise, and keeps attention from its fast
        kernels. So freeze first, and call this then.
        """
        super().train(mode)
        for part in self.encoder.modules():
            weights = list(part.parameters())
            if weights and not any(weight.requires_grad for weight in weights):
                part.eval()
        return self

    def get_encoder(self, *_: Any, **__: Any) -> Any:
        """Return the encoder of single passages; `encode` gives what the decoder reads."""
        return self.encoder

    def get_decoder(self, *_: Any, **__: Any) -> Any:
        """Return the decoder."""
        return self.decoder

    def get_input_embeddings(self) -> nn.Module:
        """Return the embeddings of the encoder's vocabulary; the decoder's are those of `get_decoder()`."""
        embeddings: nn.Module = self.encoder.get_input_embeddings()
        return embeddings

    def set_input_embeddings(self, new_embeddings: nn.Module) -> None:
        """Replace the embeddings of the encoder's vocabulary."""
        self.encoder.set_input_embeddings(new_embeddings)

    def get_output_embeddings(self) -> nn.Module:
        """Return the decoder's head."""
        head: nn.Module = self.decoder.get_output_embeddings()
        return head

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
        if not input_ids.numel():  # No passage in any example: one that is empty stands for them.
            return self.encode(*(value.new_zeros(len(input_ids), 1, 1) for value in (input_ids, attention_mask)))
        self._check_sizes(input_ids.shape[-1], sources)
        present = attention_mask.any(-1)
        rows = self.adapter(self._encode_rows(input_ids[present], attention_mask[present]))
        states = rows.new_zeros(*input_ids.shape, rows.shape[-1])
        states[present] = rows
        if sources is not None:
            states = states + self.source_embeddings(sources)[:, :, None]
        if kinds is not None:
            states = states + self.kind_embeddings(kinds)[:, :, None]
        mask, memory = packed(attention_mask.flatten(1).bool(), states.flatten(1, 2))
        if self.pointer is None or copy_tokens is None or copy_places is None:
            return Memory(last_hidden_state=memory, mask=mask)
        copies = self._copies(self.pointer, states, attention_mask, copy_tokens, copy_places)
        return Memory(last_hidden_state=memory, mask=mask, **copies)

    def _copies(
        self,
        pointer: Pointer,
        states: torch.Tensor,
        attention_mask: torch.Tensor,
        tokens: torch.Tensor,
        places: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Return keys, tokens and mask of what may be copied, as `Memory` has them."""
        length = states.shape[2]
        before = nn.functional.pad(tokens[..., :-1], (1, 0), value=_IGNORED)
        places = places.clamp_min(0)
        given = (tokens >= 0) & attention_mask.gather(-1, places).bool()
        starts = torch.arange(states.shape[1], device=states.device)[None, :, None] * length
        mask, tokens, before, places = packed(
            given.flatten(1), tokens.flatten(1), before.flatten(1), (places + starts).flatten(1)
        )
        embedded = self.decoder.get_input_embeddings()(before.clamp_min(0)) * (before >= 0)[..., None]
        at = states.flatten(1, 2).gather(1, places[..., None].expand(-1, -1, states.shape[-1]))
        keys = pointer.key_of(at, embedded)
        return {"copy_keys": keys, "copy_tokens": tokens.clamp_min(0), "copy_mask": mask}

    def _check_sizes(self, length: int, sources: torch.Tensor | None) -> None:
        """Refuse passages that the encoder has no positions for, and numbers that there are no embeddings for."""
        most = self.encoder_positions
        if most is not None and length > most:
            raise LimitError(
                f"a passage of {length} tokens is longer than the encoder's {most} positions",
                "cut passages to fewer tokens",
            )
        if sources is not None and int(sources.max()) > self.config.sources:
            raise LimitError(
                f"passage number {int(sources.max())} is above the model's {self.config.sources}",
                "give fewer passages, or number those beyond it 0",
            )

    @property
    def positions(self) -> int:
        """Most tokens of a text."""
        return int(self.config.decoder.max_position_embeddings)

    @property
    def encoder_positions(self) -> int | None:
        """Most tokens that the encoder reads at once; None where it does not say.

        RoBERTa counts positions from behind its padding token, so that fewer tokens fit than its configuration names.
        """
        most = getattr(self.config.encoder, "max_position_embeddings", None)
        table = getattr(getattr(self.encoder, "embeddings", None), "position_embeddings", None)
        skipped = getattr(table, "padding_idx", None)
        return most if most is None or skipped is None else most - skipped - 1

    def _encode_rows(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return the encoder's states of passages, shape (rows, tokens, size)."""
        size = self.config.encoder.hidden_size
        states = torch.zeros(*tokens.shape, size, device=tokens.device, dtype=self.dtype)
        if not len(tokens):
            return states
        if torch.is_grad_enabled() and any(value.requires_grad for value in self.encoder.parameters()):
            return self._states(tokens, mask)
        # Rows of like length together, cut to the longest of them: padding costs as much as text.
        lengths = mask.shape[1] - mask.flip(1).to(torch.uint8).argmax(1)
        order = lengths.argsort(descending=True, stable=True)
        with torch.no_grad():
            for some in order.split(self.config.rows_at_once):
                longest = int(lengths[some[0]])
                part = self._states(tokens[some, :longest], mask[some, :longest])
                states[some, :longest] = part.to(states.dtype)
        return states

    def _states(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = self.encoder(input_ids=tokens, attention_mask=mask).last_hidden_state
        return states

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
            decoder_input_ids = shifted(labels, self.config)
        seen = 0 if past_key_values is None else past_key_values.get_seq_length()
        check_length(seen + decoder_input_ids.shape[1], self.config.decoder)
        position_ids = None
        if decoder_attention_mask is not None:  # Prompts may be padded on the left.
            position_ids = (decoder_attention_mask.long().cumsum(-1) - 1).clamp_min(0)
            position_ids = position_ids[:, -decoder_input_ids.shape[1] :]
        passed: Any = self.decoder.transformer(
            input_ids=decoder_input_ids,
            attention_mask=decoder_attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            encoder_hidden_states=memory.last_hidden_state,
            encoder_attention_mask=memory.mask,
            use_cache=bool(use_cache),
        )
        states = passed.last_hidden_state[:, -logits_to_keep:]
        own, copies = self.decoder.lm_head(states), self._copying(states, memory)
        if labels is None:
            return FusionOutput(
                logits=own if copies is None else mixture(own, *copies),
                past_key_values=passed.past_key_values,
                encoder_last_hidden_state=memory.last_hidden_state,
            )
        losses = _losses(own, copies, labels)
        weighted = losses if label_weights is None else losses * label_weights
        loss = weighted.sum() / (labels >= 0).sum().clamp_min(1)
        return FusionOutput(loss=loss, token_losses=losses, encoder_last_hidden_state=memory.last_hidden_state)

    def _copying(self, states: torch.Tensor, memory: Memory) -> _Copies | None:
        """Return what `mixture` takes besides the decoder's logits; None where nothing can be copied."""
        if self.pointer is None or memory.copy_keys is None or memory.copy_mask is None or memory.copy_tokens is None:
            return None
        attention, copying, writing = self.pointer(states, memory.copy_keys, memory.copy_mask)
        return attention, copying, writing, memory.copy_tokens

    @torch.no_grad()
    def generate(self, inputs: torch.Tensor | None = None, **options: Any) -> Any:  # type: ignore[override]
        """Write texts; what transformers' `generate` takes is taken here, too.

        Args:
            inputs: `input_ids`, as in `encode`.
            **options: the other arguments of `encode`, and those of generation.

        Raises:
            UsageError: a static cache is asked for, which transformers fills wrongly for GPT-Neo.
            LimitError: more tokens are asked for than the decoder has positions.
        """
        options = generation_options(self, options)
        prompt = options.get("decoder_input_ids")
        begun = 1
        if prompt is not None:
            begun = prompt.shape[1] + int(bool((prompt[:, 0] != self.config.decoder_start_token_id).all()))
        check_room(begun, options, self, self.config.decoder)
        names = ("attention_mask", "sources", "kinds", "copy_tokens", "copy_places")
        given = {name: options.pop(name) for name in names if name in options}
        tokens = options.pop("input_ids", inputs)
        if options.get("encoder_outputs") is None:
            if tokens is None:
                raise ValueError("give input_ids or encoder_outputs")
            given.setdefault("attention_mask", torch.ones_like(tokens))
            options["encoder_outputs"] = self.encode(tokens, **given)
        return super().generate(**options)  # type: ignore[misc]


def shifted(labels: torch.Tensor, config: PreTrainedConfig) -> torch.Tensor:
    """Return what the decoder reads to write the labels: the start, then all but the last of them.

    Args:
        labels: −100 where none counts, shape (batch, positions).
        config: that says what a text begins with.

    Raises:
        UsageError: it does not.
    """
    start = config.decoder_start_token_id
    if start is None:
        raise UsageError("decoder_start_token_id is not set in this model's configuration")
    filled = labels.masked_fill(labels < 0, start if config.pad_token_id is None else config.pad_token_id)
    return torch.cat([filled.new_full((len(filled), 1), start), filled[:, :-1]], 1)


def _losses(own: torch.Tensor, copies: _Copies | None, labels: torch.Tensor) -> torch.Tensor:
    """Return the loss of each target, 0 where none counts."""
    targets = labels.clamp_min(0)
    if copies is None:
        return torch.where(labels >= 0, -own_log_probability(own, targets), 0.0)
    return torch.where(labels >= 0, -target_log_probability(own, *copies, targets), 0.0)


AutoConfig.register(FusionConfig.model_type, FusionConfig, exist_ok=True)
AutoModel.register(FusionConfig, FusionModel, exist_ok=True)
AutoModelForSeq2SeqLM.register(FusionConfig, FusionModel, exist_ok=True)
