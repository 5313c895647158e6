"""`stream.json`: what a training set on disk consists of. Writing it is what makes the set whole."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from odqa import fs
from odqa.data.stream.fields import Field
from odqa.errors import LoadError, OdqaError

FORMAT = 1
MANIFEST = "stream.json"
LENGTHS = "lengths.npy"
REMEDY = "delete this file; the next run makes it again from what is there"
_FOLDER = re.compile(r"data-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class StreamFile:
    """A file as it was written.

    Attributes:
        examples: it holds.
        bytes: its size.
        sha256: of its bytes.
    """

    examples: int
    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path, examples: int) -> StreamFile:
        """Note a file as it now stands."""
        return cls(examples, path.stat().st_size, fs.sha256(path))

    def __post_init__(self) -> None:
        numbers = isinstance(self.examples, int) and isinstance(self.bytes, int)
        if not numbers or self.examples < 1 or self.bytes < 1 or not isinstance(self.sha256, str):
            raise ValueError("counts, sizes or checksums are none")


@dataclass(frozen=True, slots=True)
class StreamManifest:
    """What `stream.json` says.

    Attributes:
        key: what the set was made of and how, in the words of who wrote it.
        folder: name of the folder with its files.
        fields: what an example is made of.
        shards: in their order.
        lengths: of `lengths.npy`.
    """

    key: str
    folder: str
    fields: tuple[Field, ...]
    shards: tuple[StreamFile, ...]
    lengths: StreamFile

    @property
    def checksum(self) -> str:
        """SHA-256 of all it says, and so, through the checksums of the files, of the whole set."""
        return fingerprint_of(FORMAT, asdict(self))

    def to_bytes(self) -> bytes:
        """Encode it; `read` gives it back."""
        body = {"format": FORMAT, **asdict(self), "checksum": self.checksum}
        return json.dumps(body, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")

    @classmethod
    def read(cls, folder: Path) -> StreamManifest:
        """Read what is in a folder.

        Raises:
            LoadError: there is none, or one that is damaged or of another version.
        """
        path = folder / MANIFEST
        try:
            body: dict[str, Any] = json.loads(path.read_bytes().decode("utf-8", "surrogatepass"))
            if body["format"] != FORMAT:
                raise LoadError(f"{path}: format {body['format']}, and this version of odqa reads {FORMAT}", REMEDY)
            found = cls(
                body["key"],
                body["folder"],
                tuple(Field(**each) for each in body["fields"]),
                tuple(StreamFile(**each) for each in body["shards"]),
                StreamFile(**body["lengths"]),
            )
            if found.checksum != body["checksum"] or not _FOLDER.fullmatch(found.folder):
                raise ValueError("its bytes are not those that were written")
            if not found.fields or sum(shard.examples for shard in found.shards) != found.lengths.examples:
                raise ValueError("its counts do not add up")
            return found
        except LoadError:
            raise
        except FileNotFoundError:
            raise LoadError(f"{folder}: holds no training set", "write it first, or name another folder") from None
        except OSError as error:
            raise LoadError(f"{path}: {error.strerror or error}", "choose a folder that you can read") from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OdqaError) as error:
            raise LoadError(f"{path}: damaged: {error}", REMEDY) from error


def shard_name(number: int) -> str:
    """Return the file name of a shard."""
    return f"shard-{number:05d}.arrow"


def data_folder_name(key: str, shard_examples: int) -> str:
    """Return the name of the folder for a set's files: the same for whoever takes up an interrupted writing."""
    return f"data-{fingerprint_of(FORMAT, key, shard_examples)[:16]}"


def is_data_folder(name: str) -> bool:
    """Tell whether a folder of this name was made by `write_stream`."""
    return _FOLDER.fullmatch(name) is not None


def fingerprint_of(*parts: Any) -> str:
    """Return the SHA-256 of what JSON makes of the parts (hex)."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
