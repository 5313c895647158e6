"""Cut a document into what a model can read: the sentences of its sections, in runs that fit."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field

from odqa.errors import ModelError
from odqa.index.summary.generative.prompts import REPAIR_TOKENS, Ask, Item, make_task, output_tokens
from odqa.llm import LanguageModel, prompt_room
from odqa.schema import ParsedDocument, Passage, PassageKind, Statement

_MOST_READ = 4096
"""Tokens of text read in one call, however long the context: attention to the middle of long prompts is poor (Liu et
al. 2024, "Lost in the Middle"), and time grows with the square."""
_LEAST_READ = 64
_NUMBER_TOKENS = 8


@dataclass(slots=True)
class Part:
    """A section on its way to a summary, or the document where it has no sections worth one.

    Attributes:
        section: the section's index; None for the whole document.
        items: its sentences; later the statements made of them.
    """

    section: int | None
    items: list[Item] = field(default_factory=list)


def document_parts(parsed: ParsedDocument, worthy: Set[int]) -> list[Part]:
    """Return the parts of a document that a model should read, in order.

    A section too short for a summary of its own is read with its neighbour. A part of nothing but table rows is left
    out: its columns and values are counted, which is better.

    Args:
        parsed: the document.
        worthy: sections that get a summary of their own.
    """
    parts = [Part(None)]
    prosaic: set[int] = set()
    starts = [block.span.start for block in parsed.document.blocks]
    for passage in parsed.passages:
        if passage.section in worthy and parts[-1].section != passage.section:
            if parts[-1].section is None:
                parts[-1].section = passage.section
            else:
                parts.append(Part(passage.section))
        parts[-1].items += _items(parsed, passage, starts)
        if passage.kind is not PassageKind.ROW:
            prosaic.add(len(parts) - 1)
    return [part for number, part in enumerate(parts) if number in prosaic and part.items]


def _items(parsed: ParsedDocument, passage: Passage, starts: Sequence[int]) -> Iterator[Item]:
    document, previous = parsed.document, -1
    for span in passage.sentences:
        text = span.of(document.text)
        if passage.kind is PassageKind.TURNS:
            # A turn's sentences leave its speaker out, and a summary of a meeting needs to know who.
            number = max(bisect_right(starts, span.start) - 1, 0)
            speaker = document.blocks[number].speaker
            text = f"{speaker}: {text}" if speaker and number != previous else text
            previous = number
        yield Item(text, (span,))


def statement_items(statements: Sequence[Statement]) -> list[Item]:
    """Return statements as items for the next round, each with the characters that it rests on."""
    return [Item(statement.text, statement.spans) for statement in statements]


def reading_room(model: LanguageModel, asks: Sequence[Ask], place: Sequence[str]) -> int:
    """Return the tokens of sentences that one call for these fields may hold.

    Raises:
        ModelError: the model's context leaves no room.
    """
    most = output_tokens(model, asks)
    room = prompt_room(model, most)
    if model.follows_instructions:
        bare = make_task(model, asks, place, ())
        room -= REPAIR_TOKENS + sum(model.count_tokens(message.content) for message in bare.prompt)
    if room < _LEAST_READ:
        raise ModelError(
            f"{model.name} reads {model.context_tokens} tokens at once, too few for the fields of this template",
            "set llm_context if it reads more, or take another model or a shorter template",
        )
    return min(room, _MOST_READ)


def runs(model: LanguageModel, items: Sequence[Item], room: int) -> list[list[Item]]:
    """Return the items in runs of about equal length, none longer than `room` tokens; one too long is cut."""
    fitting = [(item, model.count_tokens(item.text) + _NUMBER_TOKENS) for item in items]
    fitting = [(item, size) if size <= room else _cut(model, item, room) for item, size in fitting]
    total = sum(size for _, size in fitting)
    if total <= room:
        return [[item for item, _ in fitting]] if fitting else []
    # With this limit no more runs come out than with the whole room, and the last is no stub.
    count = len(_pack(fitting, room))
    even = min(room, total // count + max(size for _, size in fitting))
    return min(_pack(fitting, even), _pack(fitting, room), key=len)


def _pack(fitting: Sequence[tuple[Item, int]], room: int) -> list[list[Item]]:
    packed: list[list[Item]] = []
    left = 0
    for item, size in fitting:
        if size > left or not packed:
            packed.append([])
            left = room
        packed[-1].append(item)
        left -= size
    return packed


def _cut(model: LanguageModel, item: Item, room: int) -> tuple[Item, int]:
    text = item.text
    while (size := model.count_tokens(text) + _NUMBER_TOKENS) > room:
        text = text[: len(text) * 3 // 4]
    return Item(text, item.spans), size
