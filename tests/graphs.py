"""Small readers with random weights that find something in their sources, to be written as graphs."""

from typing import Any

import torch
from transformers import BertConfig, GPT2Config, RobertaConfig

from odqa.reader.neural.encoder_decoder import FusionConfig, FusionModel
from odqa.reader.neural.gpt_neo import CrossGPTNeoConfig

START, END, WINDOW, POSITIONS = 1, 2, 4, 24
ENCODED, WRITTEN = 60, 50  # tokens of the two vocabularies


def made(decoder: str = "gpt_neo", *, pointer: bool = False, encoder: str = "bert", vocabulary: int = WRITTEN) -> Any:
    torch.manual_seed(1)
    kind = {"bert": BertConfig, "roberta": RobertaConfig}[encoder]
    encoding = kind(
        vocab_size=max(ENCODED, vocabulary), hidden_size=24, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=32, pad_token_id=0,
    )  # fmt: skip
    ends = {"bos_token_id": START, "eos_token_id": END, "pad_token_id": 0}
    decoding: Any = CrossGPTNeoConfig(
        vocab_size=vocabulary, hidden_size=32, num_layers=2, num_heads=4, attention_types=[[["global", "local"], 1]],
        window_size=WINDOW, max_position_embeddings=POSITIONS, cross_attention_hidden_size=24, **ends,
    ) if decoder == "gpt_neo" else GPT2Config(
        vocab_size=vocabulary, n_embd=32, n_layer=2, n_head=4, n_positions=POSITIONS, add_cross_attention=True,
        is_decoder=True, **ends,
    )  # fmt: skip
    model = FusionModel(
        FusionConfig(encoder=encoding, decoder=decoding, pointer=pointer, decoder_start_token_id=START, **ends)
    )
    for value in model.parameters():  # A fresh model's cross-attention finds nothing.
        torch.nn.init.normal_(value, std=0.3)
    return model.eval()


def read() -> dict[str, torch.Tensor]:
    """Three questions: passages of unequal length, one passage that is not there, and no passage at all."""
    draw = torch.Generator().manual_seed(3)
    tokens = torch.randint(3, ENCODED, (3, 2, 6), generator=draw)
    mask = torch.ones_like(tokens)
    mask[0, 1, 3:] = 0
    mask[1, 1] = 0
    mask[2] = 0
    copied = torch.randint(3, WRITTEN, (3, 2, 5), generator=draw)
    copied[0, 0, 4] = -100
    places = torch.arange(5).expand(3, 2, 5)
    sources = torch.tensor([[1, 2], [3, 0], [0, 0]])
    kinds = torch.tensor([[0, 1], [0, 0], [0, 0]])
    return {
        "input_ids": tokens * mask, "attention_mask": mask, "sources": sources, "kinds": kinds,
        "copy_tokens": copied, "copy_places": places.clone(),
    }  # fmt: skip


CASES = [("gpt_neo", False), ("gpt_neo", True), ("gpt2", True)]
