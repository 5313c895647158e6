"""A model as a folder for others: weights in safetensors shards of a size one chooses, and a card of its own."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from odqa import fs
from odqa.errors import ModelError, UsageError
from odqa.models.about import FILE, About
from odqa.models.card import write_card
from odqa.models.store import LocalModel, check_new, files_below
from odqa.models.verify import model_files, verify_model

_WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
_INDEX = "model.safetensors.index.json"
_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?([KMGT]B)")
_BYTES = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def export_safetensors(model: LocalModel, out: Path, *, shard_size: str = "200MB") -> list[Path]:
    """Copy a model into a folder, its weights in shards that transformers' `from_pretrained` reads.

    Args:
        model: that is whole.
        out: a folder that is not there yet.
        shard_size: of a file of weights at most, in decimal units, e.g. `200MB`; a larger tensor has a file of its own.

    Raises:
        UsageError: the folder is there, or the size is none.
        ModelError: files of the model are missing or damaged, or it holds no weights in safetensors.
    """
    most = bytes_of(shard_size)
    paths = [PurePosixPath(path) for path in model_files(model.folder)]
    places = {path.parent for path in paths if _WEIGHTS.fullmatch(path.name)}
    if not places:
        raise ModelError(f"{model.name} holds no weights in safetensors", "it can be copied as it is")

    def write(folder: Path) -> About:
        for path in paths:
            if path.name != _INDEX and not _WEIGHTS.fullmatch(path.name):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(model.folder / path, folder / path)
        for place in sorted(places):
            _reshard(model.folder / place, folder / place, most)
        return model.about

    return write_export(model, out, write)


def write_export(model: LocalModel, out: Path, write: Callable[[Path], About], *, usage: str = "") -> list[Path]:
    """Write a folder made from a model, whole or not at all, and return its files.

    Args:
        model: is verified first, so that no damage is passed on.
        out: a folder that is not there yet.
        write: puts files into the folder that it is given, and returns what the card is to say.
        usage: Markdown on how to use what was written; else what is usual for its kind.

    Raises:
        UsageError: the folder is there.
        ModelError: files of the model are missing or damaged, or the folder cannot be written.
    """
    check_new(out)
    if problems := verify_model(model).problems:
        raise ModelError(f"{model.name} is damaged: {problems[0]}", "`odqa models verify` tells all; train it again")
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        temporary.mkdir(parents=True)
        write_card(temporary, write(temporary), place=out, usage=usage)
        for path in files_below(temporary):
            shutil.copymode(
                temporary / FILE, path
            )  # Weights are written for their owner alone, and this is for others.
            fs.sync_file(path)
        if out.is_dir():
            out.rmdir()
        fs.replace(temporary, out)
    except OSError as error:
        raise ModelError(f"{out}: {error.strerror or error}", "choose a folder that can be written") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return list(files_below(out))


def bytes_of(size: str, *, least: int = 1) -> int:
    """Return a size such as `200MB` in bytes.

    Args:
        size: in decimal units.
        least: bytes below which it makes no sense.

    Raises:
        UsageError: it is no size, or smaller.
    """
    found = _SIZE.fullmatch(size.strip().upper())
    count = int(float(found[1]) * _BYTES[found[2]]) if found else 0
    if count < least:
        raise UsageError(f"{size!r} is no size of a file of weights", "write 200MB or 1.5GB")
    return count


def _reshard(source: Path, target: Path, size: int) -> None:
    from huggingface_hub import save_torch_state_dict
    from safetensors import SafetensorError, safe_open

    target.mkdir(parents=True, exist_ok=True)
    tensors = {}
    metadata: dict[str, str] = {"format": "pt"}
    for file in sorted(path for path in source.iterdir() if _WEIGHTS.fullmatch(path.name)):
        try:
            with safe_open(file, framework="pt") as weights:
                metadata |= weights.metadata() or {}
                tensors.update({name: weights.get_tensor(name) for name in weights.keys()})  # noqa: SIM118
        except SafetensorError as error:
            raise ModelError(f"{file}: {error}", "take the model from its backup, or train it again") from error
    save_torch_state_dict(tensors, target, max_shard_size=size, metadata=metadata)
