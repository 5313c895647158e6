"""The model that a training starts from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.errors import ModelError, UsageError
from odqa.index.encoder import bundled_minilm
from odqa.reader.neural.inputs import FusionTokenizer, Limits, marks_for
from odqa.reader.neural.quiet import quiet

if TYPE_CHECKING:
    from odqa.reader.neural.encoder_decoder import FusionModel

_INDUCTION = 8.0
"""By measurement: held-out loss after 60 steps was 1.75 with it, 2.28 with 5.5, and 4.17 without."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """What the model is made of.

    Attributes:
        encoder: folder or hub name of a model of the BERT family; None takes the bundled MiniLM.
        decoder: folder or hub name of a GPT-Neo or GPT-2; None makes a new GPT-Neo of the encoder's width, which shares
            its vocabulary and starts from its embeddings.
        layers: of a new decoder.
        window: of the local attention of a new decoder, in tokens.
        positions: of a new decoder.
        dropout: of a new decoder.
        pointer: whether there is a copy path.
        marks: highest number of a source.
        summaries: whether structured summaries are read beside passages.
        limits: how much is read and written.
        encoder_layers: layers at the top of the encoder that learn; −1 for all, embeddings too.
        seed: of all weights that begin at random.
    """

    encoder: str | Path | None = None
    decoder: str | Path | None = None
    layers: int = 6
    window: int = 256
    positions: int = 512
    dropout: float = 0.1
    pointer: bool = True
    marks: int = 64
    summaries: bool = False
    limits: Limits = field(default_factory=Limits)
    encoder_layers: int = 0
    seed: int = 13

    def __post_init__(self) -> None:
        if self.layers < 2 or self.layers % 2:
            raise UsageError(
                f"a new decoder of {self.layers} layers", "layers see all and a window in turns: 2, 4, 6 …"
            )
        if self.limits.target > self.positions and self.decoder is None:
            raise UsageError(f"answers of {self.limits.target} tokens do not fit {self.positions} positions")
        if not 1 <= self.marks <= 512:
            raise UsageError(f"{self.marks} marks", "give 1 to 512")


def begin(architecture: Architecture, device: str = "cpu") -> tuple[FusionModel, FusionTokenizer]:
    """Return a model whose parts are pretrained where they can be, and its tokenizers.

    Args:
        architecture: what it is made of.
        device: where it computes.

    Raises:
        ModelError: a part cannot be loaded, or the parts do not fit.
    """
    import torch
    from transformers import AutoTokenizer

    from odqa.reader.neural.encoder_decoder import FusionModel

    torch.manual_seed(architecture.seed)
    encoder = architecture.encoder or bundled_minilm()
    try:
        reading: Any = AutoTokenizer.from_pretrained(encoder, trust_remote_code=False)
        writing: Any = reading
        if architecture.decoder is not None:
            writing = AutoTokenizer.from_pretrained(architecture.decoder, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"no tokenizer of {encoder}: {error}", "give a folder with its tokenizer") from error
    marks = marks_for(writing, architecture.marks)
    tokenizer = FusionTokenizer(reading, writing, marks, architecture.limits, summaries=architecture.summaries)
    decoder = architecture.decoder if architecture.decoder is not None else _shape(architecture, encoder, reading)
    padding, new = writing.pad_token_id, architecture.decoder is None
    with quiet(reports=False):  # It reports that what is new begins at random.
        model = FusionModel.from_parts(
            encoder, decoder, pointer=architecture.pointer, sources=architecture.marks,
            copy_gate=0.0 if new else -2.0, copy_induction=_INDUCTION if new else 0.0,
            pad_token_id=tokenizer.end if padding is None else padding, bos_token_id=tokenizer.start,
            eos_token_id=tokenizer.end, decoder_start_token_id=tokenizer.start,
        )  # fmt: skip
        if len(writing) > model.decoder.get_input_embeddings().num_embeddings:
            model.decoder.resize_token_embeddings(len(writing))
            model.config.decoder = model.decoder.config
    if architecture.decoder is None:
        _warm_start(model)
    freeze(model, architecture.encoder_layers)
    moved: Any = model
    return moved.to(device), tokenizer


def freeze(model: FusionModel, layers: int) -> None:
    """Let only some layers at the top of the encoder learn.

    Args:
        model: is changed.
        layers: that learn; −1 for the whole encoder.
    """
    count = int(model.encoder.config.num_hidden_layers)
    learned = range(count) if layers < 0 else range(count - layers, count)
    for name, value in model.encoder.named_parameters():
        value.requires_grad = layers < 0 or any(f"layer.{n}." in name or f"layers.{n}." in name for n in learned)


def _shape(architecture: Architecture, encoder: str | Path, tokenizer: Any) -> Any:
    from transformers import AutoConfig, GPTNeoConfig

    wide = AutoConfig.from_pretrained(encoder)
    return GPTNeoConfig(
        vocab_size=wide.vocab_size,
        max_position_embeddings=architecture.positions,
        hidden_size=wide.hidden_size,
        num_layers=architecture.layers,
        attention_types=[[["global", "local"], architecture.layers // 2]],
        num_heads=max(1, wide.hidden_size // 64),
        window_size=architecture.window,
        resid_dropout=architecture.dropout,
        embed_dropout=architecture.dropout,
        attention_dropout=architecture.dropout,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _warm_start(model: FusionModel) -> None:
    """Begin a new decoder's embeddings where the encoder's are: they share a vocabulary and a width."""
    import torch

    with torch.no_grad():
        given: Any = model.encoder.get_input_embeddings().weight
        # Of the size that GPT-Neo's weights begin with, lest its unscaled attention saturate at once.
        # Marks that the vocabulary had no room for come behind it, and begin where they are.
        model.decoder.get_input_embeddings().weight[: len(given)] = given * (0.02 / given.std())
