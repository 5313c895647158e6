"""The parts that an encoder–decoder is made of: pretrained encoders and decoders, the latter given cross-attention."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModel, GPT2Config, PreTrainedConfig

from odqa.errors import ModelError, UsageError
from odqa.reader.neural.gpt2 import CrossGPT2LMHeadModel
from odqa.reader.neural.gpt_neo import CrossGPTNeoConfig, CrossGPTNeoForCausalLM

DECODERS = ("gpt_neo", "gpt2", CrossGPTNeoConfig.model_type)
_CLASSES: dict[str, Any] = {"gpt2": CrossGPT2LMHeadModel, CrossGPTNeoConfig.model_type: CrossGPTNeoForCausalLM}
_POOLING = ("bert", "roberta", "xlm-roberta", "camembert")


def load_parts(
    encoder: str | Path, decoder: str | Path | PreTrainedConfig, attn_implementation: str, dtype: torch.dtype
) -> tuple[Any, Any]:
    """Return an encoder with its weights, and a decoder that reads its states.

    Args:
        encoder: folder or hub name of a model of the BERT family.
        decoder: folder or hub name of a GPT-Neo or GPT-2; or a configuration, whose weights begin at random.
        attn_implementation: of both.
        dtype: of both, in whatever precision they were saved.

    Raises:
        ModelError: a part cannot be loaded, or is of another kind.
    """
    try:
        known = AutoConfig.from_pretrained(encoder)
        if known.is_encoder_decoder:
            raise ModelError(f"{encoder}: {known.model_type!r} is more than an encoder", "take a BERT or its like")
        loading: dict[str, Any] = {"attn_implementation": attn_implementation, "dtype": dtype}
        encoding: Any = AutoModel.from_pretrained(encoder, **loading, **_pooled(known))
        return encoding, _decoder(decoder, encoding.config.hidden_size, **loading)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"no encoder–decoder from {encoder} and {decoder}: {error}") from error


def encoder_from(config: PreTrainedConfig) -> Any:
    """Return an encoder of this shape, with weights that begin at random."""
    build: Any = AutoModel.from_config
    return build(config, **_pooled(config))


def decoder_from(config: PreTrainedConfig) -> Any:
    """Return a decoder of this shape, with weights that begin at random.

    Raises:
        UsageError: it would attend to no encoder.
    """
    if config.model_type not in _CLASSES or not getattr(config, "add_cross_attention", False):
        raise UsageError(
            f"a decoder of kind {config.model_type!r} that attends to no encoder",
            "make the model with FusionModel.from_parts, which gives cross-attention to a decoder",
        )
    return _CLASSES[config.model_type]._from_config(config)


def memory_size(decoder: PreTrainedConfig) -> int:
    """Return the size of the states that a decoder attends to."""
    return decoder.memory_size if isinstance(decoder, CrossGPTNeoConfig) else int(decoder.hidden_size)


def _pooled(encoder: PreTrainedConfig) -> dict[str, Any]:
    """Leave out the pooling layer of BERT and RoBERTa, which nothing here uses."""
    return {"add_pooling_layer": False} if encoder.model_type in _POOLING else {}


def _decoder(decoder: str | Path | PreTrainedConfig, states: int, **loading: Any) -> Any:
    """Return a decoder whose cross-attention changes nothing yet, unless it had been trained before."""
    given = decoder if isinstance(decoder, PreTrainedConfig) else AutoConfig.from_pretrained(decoder)
    if given.model_type not in DECODERS:
        kinds = ", ".join(DECODERS)
        raise ModelError(f"{decoder}: a decoder of kind {given.model_type!r}", f"those that work: {kinds}")
    values = {**given.to_dict(), "add_cross_attention": True}
    for name in ("model_type", "architectures", "dtype"):
        values.pop(name, None)
    if given.model_type == "gpt2":
        config: PreTrainedConfig = GPT2Config(**values)
    else:
        config = CrossGPTNeoConfig(**{**values, "cross_attention_hidden_size": states})
    if isinstance(decoder, PreTrainedConfig):
        return _CLASSES[config.model_type]._from_config(config, **loading)
    return _CLASSES[config.model_type].from_pretrained(decoder, config=config, **loading)
