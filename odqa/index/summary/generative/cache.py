"""What a model answered, kept by the hash of what it was asked; and how fast it was."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from odqa import fs
from odqa.index.files import cache_folder
from odqa.llm import Completion, Usage
from odqa.schema import Span, Statement

_FORGET_TOKENS = 2_000_000  # Then what was measured counts half, so that a faster machine is noticed.


@dataclass(slots=True)
class Rate:
    """What calls of one model took, all together.

    Attributes:
        calls: how many there were.
        seconds: wall-clock seconds; calls side by side count once.
        prompt_tokens: tokens read.
        completion_tokens: tokens written.
    """

    calls: float = 0.0
    seconds: float = 0.0
    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0

    def seconds_for(self, prompt_tokens: float, completion_tokens: float) -> float | None:
        """Return how long so much takes at this rate; None where nothing was measured."""
        tokens = self.prompt_tokens + self.completion_tokens
        return self.seconds / tokens * (prompt_tokens + completion_tokens) if tokens and self.seconds else None


@dataclass(frozen=True, slots=True)
class WrittenDocument:
    """What was written about a document and stood up to the check.

    Attributes:
        calls: calls of the model that it took.
        fields: statements by section and field; those of the whole document under None.
    """

    calls: int
    fields: Mapping[int | None, Mapping[str, tuple[Statement, ...]]]


class AnswerCache:
    """Answers and checked statements under `summaries/` of the cache folder, one small file each.

    Checking takes time as well, so what stood up to it is kept with the answers.

    A cache that cannot be read or written makes work, never an error.

    Args:
        folder: where to keep them; in the user's cache folder if None.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or cache_folder() / "summaries"

    def __contains__(self, key: str) -> bool:
        return self._path(key).is_file()

    def get(self, key: str) -> Completion | None:
        """Return the answer kept under `key`, or None."""
        kept = _read(self._path(key))
        try:
            text, finish, (read, written) = kept["text"], kept["finish"], kept["usage"]
        except (KeyError, TypeError, ValueError):
            return None
        return Completion(text, Usage(read, written), finish) if isinstance(text, str) else None

    def put(self, key: str, completion: Completion) -> None:
        """Keep an answer under `key`."""
        usage = [completion.usage.prompt_tokens, completion.usage.completion_tokens]
        self._write(self._path(key), {"text": completion.text, "finish": completion.finish, "usage": usage})

    def get_document(self, key: str) -> WrittenDocument | None:
        """Return the checked statements kept for a document, or None."""
        kept = _read(self._path(key, "documents"))
        try:
            fields = {
                None if section == "document" else int(section): {
                    name: tuple(_statement(row) for row in rows) for name, rows in written.items()
                }
                for section, written in kept["fields"].items()
            }
            return WrittenDocument(int(kept["calls"]), fields)
        except (AttributeError, KeyError, TypeError, ValueError):
            return None

    def put_document(self, key: str, document: WrittenDocument) -> None:
        """Keep the checked statements of a document under `key`."""
        fields = {
            "document" if section is None else str(section): {
                name: [[s.text, s.weight, s.support, *map(list, s.spans)] for s in statements]
                for name, statements in written.items()
            }
            for section, written in document.fields.items()
        }
        self._write(self._path(key, "documents"), {"calls": document.calls, "fields": fields})

    def rate(self, model: str) -> Rate:
        """Return what is known of a model's speed."""
        kept = _read(self.folder / "rates.json").get(model)
        try:
            return Rate(**{name: float(value) for name, value in dict(kept or {}).items()})
        except (TypeError, ValueError):
            return Rate()

    def note_rate(self, model: str, calls: int, seconds: float, usage: Usage) -> None:
        """Add what some calls took to what is known of a model's speed."""
        rate = self.rate(model)
        if rate.prompt_tokens + rate.completion_tokens > _FORGET_TOKENS:
            rate = Rate(*(value / 2 for value in asdict(rate).values()))
        rate.calls += calls
        rate.seconds += seconds
        rate.prompt_tokens += usage.prompt_tokens
        rate.completion_tokens += usage.completion_tokens
        self._write(self.folder / "rates.json", {**_read(self.folder / "rates.json"), model: asdict(rate)})

    def _path(self, key: str, kind: str = "answers") -> Path:
        return self.folder / kind / key[:2] / f"{key}.json"

    def _write(self, path: Path, value: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            fs.write_atomic(path, json.dumps(value).encode())


def _statement(row: list[Any]) -> Statement:
    text, weight, support, *spans = row
    if not isinstance(text, str) or not spans:
        raise ValueError("a statement is text that rests on something")
    return Statement(text, tuple(Span(int(a), int(b)) for a, b in spans), float(weight), support=float(support))


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
