"""Named tensors in safetensors files of at most a size that one chooses.

A tensor that is larger than a file is written in pieces, flattened: then no limit on the size of files stands in the
way, be it that of a file system, of an upload or of a hub.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa import fs
from odqa.errors import LoadError

if TYPE_CHECKING:
    import torch

INDEX = "checkpoint.json"
_PIECE = "@"
"""Between a tensor's name and where in it a piece begins."""

Table = dict[str, tuple[str, list[int]]]
"""Type and shape of tensors, by name."""


def write_shards(
    folder: Path, tensors: Iterable[tuple[str, torch.Tensor]], most: int
) -> tuple[list[dict[str, Any]], Table]:
    """Write tensors into a folder, durably, one file in memory at a time.

    Args:
        folder: is there.
        tensors: by name.
        most: bytes of a file, at most.

    Returns:
        Name, bytes and sha256 of each file; type and shape of each tensor.
    """
    from safetensors.torch import save_file

    table: Table = {}
    files = []
    for number, shard in enumerate(_shards(_noted(tensors, table), most), 1):
        file = folder / f"state-{number:05d}.safetensors"
        save_file(shard, file)
        fs.sync_file(file)
        files.append({"file": file.name, "bytes": file.stat().st_size, "sha256": fs.sha256(file)})
    return files, table


def read_shards(folder: Path, targets: Mapping[str, torch.Tensor]) -> None:
    """Copy tensors from the files of a folder, one file at a time.

    Args:
        folder: with an index of its files.
        targets: by name, of the type and shape that they were written with; what else there is, is left.

    Raises:
        LoadError: a file cannot be read, or a tensor is not there as a whole.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    # A piece is copied into a flat view, which a tensor that is not contiguous has none of.
    whole = {
        name: value.detach() if value.is_contiguous() else value.detach().contiguous()
        for name, value in targets.items()
    }
    missing = {name: value.numel() for name, value in whole.items()}
    try:
        for entry in json.loads((folder / INDEX).read_bytes())["files"]:
            with safe_open(folder / entry["file"], "pt") as opened:
                for key in opened.keys():  # noqa: SIM118
                    name, _, start = (key, "", "") if key in whole else key.rpartition(_PIECE)
                    if name not in whole:
                        continue
                    piece, place = opened.get_tensor(key), int(start or 0)
                    whole[name].view(-1)[place : place + piece.numel()].copy_(piece.view(-1))
                    missing[name] -= piece.numel()
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise LoadError(f"{folder} cannot be read: {error}", f"delete {folder} to go on from an older one") from error
    if lacking := sorted(name for name, left in missing.items() if left):
        raise LoadError(f"{folder} lacks {lacking[0]}", f"delete {folder} to go on from an older one")
    with torch.no_grad():
        for name, value in targets.items():
            if not value.is_contiguous():
                value.copy_(whole[name])


def _noted(tensors: Iterable[tuple[str, torch.Tensor]], table: Table) -> Iterator[tuple[str, torch.Tensor]]:
    for name, tensor in tensors:
        table[name] = (str(tensor.dtype).removeprefix("torch."), list(tensor.shape))
        yield name, tensor


def _shards(tensors: Iterable[tuple[str, torch.Tensor]], most: int) -> Iterator[dict[str, torch.Tensor]]:
    """Group tensors into files of at most so many bytes, with what the header of a file takes."""
    shard: dict[str, torch.Tensor] = {}
    size, room = 0, most - 64
    for name, tensor in tensors:
        header = 256 + 6 * len(name)
        for key, piece in _pieces(name, tensor.detach(), max(1, room - header)):
            if shard and size + header + piece.nbytes > room:
                yield shard
                shard, size = {}, 0
            size += header + piece.nbytes
            shard[key] = piece
    if shard:
        yield shard


def _pieces(name: str, tensor: torch.Tensor, most: int) -> Iterator[tuple[str, torch.Tensor]]:
    if tensor.nbytes <= most:
        yield name, tensor.cpu().contiguous()
        return
    flat = tensor.reshape(-1)
    length = max(1, most // tensor.element_size())
    for start in range(0, len(flat), length):
        # A copy: safetensors writes no two tensors of one storage into a file.
        yield f"{name}{_PIECE}{start}", flat[start : start + length].cpu().clone()
