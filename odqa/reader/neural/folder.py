"""A trained encoder–decoder with its tokenizers, in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.errors import ModelError
from odqa.reader.neural.inputs import FusionTokenizer
from odqa.reader.neural.quiet import quiet

if TYPE_CHECKING:
    from odqa.reader.neural.encoder_decoder import FusionModel

KIND = "reader"


def open_reader_model(folder: Path, device: str = "cpu") -> tuple[FusionModel, FusionTokenizer]:
    """Return the model of a folder, ready to write, and its tokenizers.

    Args:
        folder: that `odqa train reader` wrote.
        device: where it computes.

    Raises:
        ModelError: there is no such model, or it is damaged.
    """
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder} holds no trained reader", "give a folder that `odqa train reader` wrote")
    tokenizer = FusionTokenizer.open(folder)

    from safetensors import SafetensorError

    from odqa.reader.neural.encoder_decoder import FusionModel

    try:
        with quiet():
            model = FusionModel.from_pretrained(folder, use_safetensors=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{folder}: the reader cannot be loaded: {reason}", "train it again") from error
    moved: Any = model
    return moved.to(device).eval(), tokenizer


def write_reader_model(
    folder: Path, model: FusionModel, tokenizer: FusionTokenizer, *, max_shard_size: str = "200MB"
) -> None:
    """Write a model with its tokenizers into a folder, made if there is none.

    Args:
        folder: where to.
        model: in any precision; written as it is.
        tokenizer: its tokenizers.
        max_shard_size: of a file of weights.

    Raises:
        ModelError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with quiet():
            model.save_pretrained(folder, max_shard_size=max_shard_size)
        tokenizer.save(folder)
    except OSError as error:
        raise ModelError(f"{folder}: {error.strerror or error}", "choose a folder that can be written") from error
