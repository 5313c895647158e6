"""Examples and training sets for the tests of `odqa.data.stream`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from odqa.data.stream import Example, Stream, write_stream


def token_examples(count: int, start: int = 0) -> Iterator[dict[str, Any]]:
    """Examples of a few tokens, each recognised by its number; the same for every start."""
    for number in range(start, count):
        length = 1 + (number * 7919) % 23
        yield {
            "number": number,
            "tokens": np.arange(number, number + length, dtype=np.int32),
            "places": np.full((number % 3, 4), number, np.int32),
            "weight": number / 4,
        }


def token_length(example: Example) -> int:
    return len(example["tokens"])  # type: ignore[arg-type]


def token_stream(folder: Path, count: int = 100, shard_examples: int = 16, key: str = "k", **options: Any) -> Stream:
    options = {"key": key, "length": token_length, "shard_examples": shard_examples} | options
    return write_stream(folder, token_examples(count), **options)


def numbers(batch: Any) -> list[int]:
    return [int(example["number"]) for example in batch]
