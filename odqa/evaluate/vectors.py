"""Vectors kept by the hash of their text, so that a corpus is encoded once however often it is indexed.

Evaluation builds many indexes over one corpus: other poolings, other summaries, other splits. Their passages are the
same, and encoding them is nearly all of the work. `CachedEncoder` stands before any encoder and looks a text up
before it encodes it. What is new is written every few thousand vectors, so that interrupted work is not repeated.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from odqa import fs
from odqa.index.files import cache_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.protocols import Encoder

_SHARD = 4096
_KEY_BYTES = 16


class CachedEncoder:
    """An encoder that remembers; a context manager that writes down on exit what it has learned.

    Vectors are kept in half precision, as an index keeps them: the passage vectors of an index built with the cache
    equal those of one built without, bit for bit.
    """

    def __init__(self, encoder: Encoder, folder: Path | None = None) -> None:
        """Stand before `encoder`, with vectors kept in `folder`, or in the user's cache folder if None."""
        self.behind = encoder
        self.name, self.dimension, self.max_tokens = encoder.name, encoder.dimension, encoder.max_tokens
        self.fingerprint = encoder.fingerprint
        digest = hashlib.sha256(encoder.fingerprint.encode()).hexdigest()[:16]
        self.folder = (folder or cache_folder() / "vectors") / digest
        self.hits = self.misses = 0
        self._row = np.dtype([("key", f"V{_KEY_BYTES}"), ("vector", "<f2", (self.dimension,))])
        self._shards: list[NDArray[np.void]] = []
        self._places: dict[bytes, tuple[int, int]] = {}
        self._new: dict[bytes, NDArray[np.float16]] = {}
        self._read()

    def encode(self, texts: Sequence[str], *, kind: Literal["passage", "query"] = "passage") -> NDArray[np.float32]:
        """Return unit vectors, shape (len(texts), dimension), float32; encodes only texts that are new to the cache.

        Half precision leaves their lengths off one by a ten-thousandth, which is left so: normalising again would
        change the bits that an index keeps.
        """
        keys = [_key(text, kind) for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if not self._knows(key)}
        self.misses += len(missing)
        self.hits += len(texts) - len(missing)
        if missing:
            fresh = self.behind.encode(list(missing.values()), kind=kind).astype(np.float16)
            self._new.update(zip(missing, fresh, strict=True))
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for row, key in enumerate(keys):
            vectors[row] = self._vector(key)
        if len(self._new) >= _SHARD:
            self.save()
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, as the encoder behind counts them."""
        return self.behind.count_tokens(texts)

    @property
    def token_vectors(self) -> Any:
        """The method of the encoder behind, whose vectors of tokens are not kept."""
        return self.behind.token_vectors  # type: ignore[attr-defined]

    def save(self) -> None:
        """Write down what is new; several processes may do so at once."""
        if not self._new:
            return
        rows = np.empty(len(self._new), self._row)
        for number, (key, vector) in enumerate(self._new.items()):
            rows[number] = (np.void(key), vector)
        self.folder.mkdir(parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        temporary = self.folder / f".{name}.tmp"
        try:
            with fs.create(temporary) as file:
                np.save(file, rows, allow_pickle=False)
            fs.replace(temporary, self.folder / f"{name}.npy")
        finally:
            temporary.unlink(missing_ok=True)
        self._keep(rows)
        self._new.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.save()

    def _knows(self, key: bytes) -> bool:
        return key in self._places or key in self._new

    def _vector(self, key: bytes) -> NDArray[np.float16]:
        if (place := self._places.get(key)) is None:
            return self._new[key]
        shard, row = place
        vector: NDArray[np.float16] = self._shards[shard][row]["vector"]
        return vector

    def _read(self) -> None:
        for path in sorted(self.folder.glob("*.npy")):
            try:
                rows = np.load(path, mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError, EOFError):
                rows = None
            if rows is None or rows.dtype != self._row or rows.ndim != 1:
                path.unlink(missing_ok=True)  # Whatever is wrong with a cache, making it anew is the remedy.
                continue
            self._keep(rows)

    def _keep(self, rows: NDArray[np.void]) -> None:
        number = len(self._shards)
        self._shards.append(rows)
        for row, key in enumerate(np.ascontiguousarray(rows["key"]).tolist()):
            self._places[key] = (number, row)


def _key(text: str, kind: str) -> bytes:
    return hashlib.blake2b(f"{kind}\0{text}".encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES).digest()
