"""A tiny encoder–decoder with a vocabulary of its own, and questions whose answers only the sources tell."""

import random
from pathlib import Path
from typing import Any

from odqa.learn.reader.examples import Example, Said
from odqa.learn.reader.start import Architecture, begin
from odqa.reader.neural.inputs import FusionTokenizer, Limits, Source

THINGS = "bridge tower gate well barn mill ferry chapel".split()
COLOURS = "red blue green white black yellow brown grey".split()
MARKS = 8


def make_encoder(folder: Path, *, size: int = 64, layers: int = 2, words: str = "") -> Path:
    """Write a BERT with random weights and a vocabulary of whole words into a folder."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    known = sorted(set(f"{words} the is what colour words : . ? 10 painted {' '.join(THINGS + COLOURS)}".split()))
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"[unused{n}]" for n in range(1, MARKS + 1))]
    vocabulary = {word: number for number, word in enumerate([*special, *known])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    names = {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(5)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=size, num_hidden_layers=layers, num_attention_heads=2,
        intermediate_size=2 * size, max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


def make_reader(folder: Path, **options: Any) -> tuple[Any, FusionTokenizer]:
    """Return a new reader over the encoder of a folder, all of it to be learned."""
    chosen = {
        "encoder": folder, "layers": 2, "positions": 32, "dropout": 0.0, "marks": MARKS, "encoder_layers": -1,
        "limits": Limits(question=10, passage=32, target=16), **options,
    }  # fmt: skip
    return begin(Architecture(**chosen))


def question(rng: random.Random, things: list[str] | None = None, colours: list[str] | None = None) -> Example:
    """Return a question about one of three painted things, whose colours were drawn."""
    things = things or rng.sample(THINGS, 3)
    colours = colours or rng.sample(COLOURS, 3)
    numbers = rng.sample(range(1, MARKS + 1), 3)
    sources = [
        Source(number, "", f"the {thing} is painted {colour} .")
        for number, thing, colour in zip(numbers, things, colours, strict=True)
    ]
    said = Said(f"the {things[0]} is {colours[0]} .", (numbers[0],))
    rng.shuffle(sources)
    return Example(f"what colour is the {things[0]} ?", tuple(sources), (said,), "/".join([*things, *colours]))
