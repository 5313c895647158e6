"""Tiny random models and inputs for the tests of the encoder–decoder."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from transformers import BertConfig, GPT2Config, GPTNeoConfig  # noqa: E402

from odqa.reader.neural.encoder_decoder import FusionConfig, FusionModel  # noqa: E402
from odqa.reader.neural.gpt_neo import CrossGPTNeoConfig, CrossGPTNeoForCausalLM  # noqa: E402

PAD, START, END, WORDS, POSITIONS, WINDOW, LAYERS = 0, 1, 2, 60, 40, 5, 2
TOKENS = {"pad_token_id": PAD, "bos_token_id": START, "eos_token_id": END}


def neo_values(**changes: Any) -> dict[str, Any]:
    """Two layers, of which the second sees a window; weights large enough that layers matter."""
    return {
        "vocab_size": WORDS, "max_position_embeddings": POSITIONS, "hidden_size": 32, "num_layers": LAYERS,
        "num_heads": 4, "attention_types": [[["global", "local"], 1]], "window_size": WINDOW, "initializer_range": 0.2,
        **TOKENS, **changes,
    }  # fmt: skip


def neo_config(**changes: Any) -> GPTNeoConfig:
    return GPTNeoConfig(**neo_values(**changes))


def cross_config(**changes: Any) -> CrossGPTNeoConfig:
    return CrossGPTNeoConfig(**neo_values(**{"cross_attention_hidden_size": 24, **changes}))


def gpt2_config(**changes: Any) -> GPT2Config:
    return GPT2Config(
        vocab_size=WORDS, n_positions=POSITIONS, n_embd=32, n_layer=2, n_head=4, initializer_range=0.2,
        embd_pdrop=0.0, attn_pdrop=0.0, resid_pdrop=0.0, add_cross_attention=True, **TOKENS, **changes,
    )  # fmt: skip


def bert_config(**changes: Any) -> BertConfig:
    values = {
        "vocab_size": 50, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
        "max_position_embeddings": 40, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.2, **changes,
    }  # fmt: skip
    return BertConfig(**values)


def opened(model: Any, std: float = 0.3) -> Any:
    """Move the gates off zero, so that the encoder has a say."""
    with torch.no_grad():
        for name, value in model.named_parameters():
            if any(
                part in name for part in ("crossattention.out_proj", "crossattention.c_proj", "kind_emb", "r.gate.w")
            ):
                value.normal_(std=std)
    return model


def cross_neo(implementation: str = "sdpa", **changes: Any) -> CrossGPTNeoForCausalLM:
    torch.manual_seed(0)
    config = cross_config(**changes)
    config._attn_implementation = implementation
    return opened(CrossGPTNeoForCausalLM(config)).eval()


def fusion(
    decoder: str = "gpt_neo", pointer: bool = False, implementation: str = "sdpa", encoder: Any = None, **options: Any
) -> FusionModel:
    """An encoder–decoder with moved gates, in evaluation mode, float32."""
    torch.manual_seed(0)
    config = FusionConfig(
        encoder=encoder or bert_config(),
        decoder=gpt2_config() if decoder == "gpt2" else cross_config(),
        pointer=pointer,
        **{"sources": 400, "decoder_start_token_id": START, **TOKENS, **options},
    )
    config._attn_implementation = implementation
    return opened(FusionModel(config)).eval()


def passages(seed: int = 0, batch: int = 2, count: int = 3, length: int = 9) -> dict[str, Any]:
    """Arguments of `encode`: passages of uneven length, the last example one passage short."""
    drawn = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, 50, (batch, count, length), generator=drawn)
    ends = torch.randint(4, length + 1, (batch, count, 1), generator=drawn)
    mask = (torch.arange(length) < ends).long()
    mask[-1, -1] = 0
    ids = ids.masked_fill(mask == 0, PAD)
    copies = torch.randint(3, WORDS, (batch, count, length - 1), generator=drawn)
    copies[..., 3] = copies[..., 1]  # A word that stands in two places.
    places = torch.arange(1, length).expand(batch, count, -1).clone()
    copies = copies.masked_fill(mask.gather(-1, places) == 0, -100)
    numbers = torch.arange(1, count + 1).expand(batch, -1).clone()
    kinds = torch.zeros_like(numbers)
    kinds[:, -1] = 1
    return {"input_ids": ids, "attention_mask": mask, "sources": numbers, "kinds": kinds,
            "copy_tokens": copies, "copy_places": places}  # fmt: skip


def labels(seed: int = 0, batch: int = 2, length: int = 7) -> Any:
    """Targets, of which the last of the last example do not count."""
    drawn = torch.randint(3, WORDS, (batch, length), generator=torch.Generator().manual_seed(seed + 100))
    drawn[-1, -2:] = -100
    return drawn
