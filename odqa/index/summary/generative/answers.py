"""Read a model's answer: strictly where it can be, leniently where a small model nearly managed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from odqa.data.sentences import split_sentences
from odqa.index.summary.generative.prompts import Ask, Task
from odqa.schema import FieldKind, Span

_LONGEST = 500
_MARKS = re.compile(r"\s*[\[(]\d+(?:\s*[,;–-]\s*\d+)*[\])](?=\s*[.!?]?\s*\Z)")
_BULLET = re.compile(r"\A\s*(?:[-*•–]|\d{1,2}[.)])\s+")
_GAP = re.compile(r"[\s,]*")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Said:
    """One statement of an answer.

    Attributes:
        field: the field it is for.
        text: the statement, white space normalised, without citation marks.
        sources: indices of the items it says it rests on; empty if it does not say.
    """

    field: str
    text: str
    sources: tuple[int, ...]


def read_answer(task: Task, text: str) -> list[Said] | None:
    """Return the statements of an answer, or None where it is not of the form asked for."""
    if task.schema is None:
        return _plain(task.asks, text)
    found = _object(text)
    if found is None or not any(ask.name in found for ask in task.asks):
        return None
    pairs = ((ask, entry) for ask in task.asks for entry in _entries(found.get(ask.name)))
    return _limited(task, pairs)


def salvage(task: Task, text: str) -> list[Said]:
    """Return the statements that stand complete in an answer that was cut or is broken."""
    decoder = json.JSONDecoder()
    pairs: list[tuple[Ask, object]] = []
    for ask in task.asks:
        opening = re.search(re.escape(json.dumps(ask.name, ensure_ascii=False)) + r"\s*:\s*\[\s*", text)
        position = opening.end() if opening else len(text)
        while position < len(text) and text[position] != "]":
            try:
                entry, position = decoder.raw_decode(text, position)
            except ValueError:
                break
            pairs.append((ask, entry))
            gap = _GAP.match(text, position)
            position = gap.end() if gap else position
    return _limited(task, pairs)


def _object(text: str) -> dict[str, object] | None:
    """Return the JSON object in an answer, whatever stands before and after it."""
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start >= 0:
        try:
            found, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            return None
        if isinstance(found, dict):
            return found
        start = text.find("{", start + 1)
    return None


def _entries(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _limited(task: Task, pairs: Iterator[tuple[Ask, object]] | Sequence[tuple[Ask, object]]) -> list[Said]:
    said: list[Said] = []
    taken: dict[str, set[str]] = {ask.name: set() for ask in task.asks}
    for ask, entry in pairs:
        statement = _statement(ask, entry, len(task.items))
        known = taken[ask.name]
        if statement is not None and len(known) < ask.limit and statement.text.casefold() not in known:
            known.add(statement.text.casefold())
            said.append(statement)
    return said


def _statement(ask: Ask, entry: object, items: int) -> Said | None:
    text, sources = (entry.get("text"), entry.get("sources")) if isinstance(entry, dict) else (entry, None)
    if not isinstance(text, str):
        return None
    text = _MARKS.sub("", _BULLET.sub("", " ".join(text.split()))).strip()
    if not 0 < len(text) <= _LONGEST or not any(map(str.isalnum, text)):
        return None
    numbers = dict.fromkeys(n - 1 for source in _entries(sources) for n in _numbers(source) if 1 <= n <= items)
    return Said(ask.name, text, tuple(numbers))


def _numbers(source: object) -> list[int]:
    if isinstance(source, bool):
        return []
    if isinstance(source, int):
        return [source]
    return [int(n) for n in _NUMBER.findall(source)[:20] if len(n) < 7] if isinstance(source, str) else []


def _plain(asks: Sequence[Ask], text: str) -> list[Said] | None:
    """Return the sentences of a plain answer as statements of the first field that holds any."""
    ask = next((ask for ask in asks if ask.kind is FieldKind.STATEMENT), None)
    if ask is None:
        return None
    said: dict[str, Said] = {}
    for span in split_sentences(text, Span(0, len(text))):
        sentence = " ".join(span.of(text).split())
        if len(sentence) <= _LONGEST and any(map(str.isalnum, sentence)) and len(said) < ask.limit:
            said.setdefault(sentence.casefold(), Said(ask.name, sentence, ()))
    return list(said.values()) or None
