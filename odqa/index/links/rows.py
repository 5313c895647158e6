"""What is kept of a segment's text for its links: arrays that can be cut, joined and written, and never need the text.

They depend on each document alone, so that they are valid for as long as the document is, in whatever segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.index.links.addresses import KEYS

if TYPE_CHECKING:
    from numpy.typing import NDArray

DTYPES: dict[str, Any] = {
    "uid": np.uint64,
    "first_passage": np.int64,
    "first_word": np.int64,
    "passage_start": np.int32,
    "vocabulary": np.uint64,
    "word": np.uint32,
    "offset": np.uint16,
    "length": np.uint8,
    "flags": np.uint8,
    "mention_word": np.uint32,
    "mention_words": np.uint8,
    "name_document": np.uint32,
    "name_key": np.uint64,
    "name_prefix": np.uint64,
    "name_anchor": np.uint64,
    "name_words": np.uint8,
    "name_content": np.uint8,
    "name_strength": np.float32,
    "address_document": np.uint32,
    "address_key": np.uint64,
    "link_passage": np.uint32,
    "link_start": np.int32,
    "link_end": np.int32,
    "link_cell": np.bool_,
    "link_keys": np.uint64,
}


@dataclass(frozen=True, slots=True)
class LinkRows:
    """Words, names, addresses and hyperlinks of a run of documents; numbers count within it.

    Attributes:
        uid: of each document; (documents,).
        first_passage: where each document's passages begin; (documents + 1,).
        first_word: where each passage's words begin; (passages + 1,).
        passage_start: first character of each passage in its document; (passages,).
        vocabulary: 64-bit names of words, ascending; (forms,).
        word: place of each word in the vocabulary; (words,).
        offset: first character of each word in its passage; (words,).
        length: its characters; (words,).
        flags: what is noted of it, see `words`; (words,).
        mention_word: first word of each name that the extractor found; (mentions,).
        mention_words: words of each; (mentions,).
        name_document: document that a name stands for; (names,).
        name_key: 64-bit name of the name; (names,).
        name_prefix: that of its first two words, 0 for a single word; (names,).
        name_anchor: that of its only word of content, 0 where there are several; (names,).
        name_words: its words; (names,).
        name_content: how many of them are neither function words nor numbers; (names,).
        name_strength: how much of a link's weight it keeps, 0–1; (names,).
        address_document: document that an address stands for; (addresses,).
        address_key: 64-bit name of the address; (addresses,).
        link_passage: passage that holds each hyperlink; (links,).
        link_start: its first character in the document; (links,).
        link_end: the character after its last; (links,).
        link_cell: it stands in a table; (links,).
        link_keys: addresses that it may mean, the surest first, 0 for none; (links, `KEYS`).
    """

    uid: NDArray[np.uint64]
    first_passage: NDArray[np.int64]
    first_word: NDArray[np.int64]
    passage_start: NDArray[np.int32]
    vocabulary: NDArray[np.uint64]
    word: NDArray[np.uint32]
    offset: NDArray[np.uint16]
    length: NDArray[np.uint8]
    flags: NDArray[np.uint8]
    mention_word: NDArray[np.uint32]
    mention_words: NDArray[np.uint8]
    name_document: NDArray[np.uint32]
    name_key: NDArray[np.uint64]
    name_prefix: NDArray[np.uint64]
    name_anchor: NDArray[np.uint64]
    name_words: NDArray[np.uint8]
    name_content: NDArray[np.uint8]
    name_strength: NDArray[np.float32]
    address_document: NDArray[np.uint32]
    address_key: NDArray[np.uint64]
    link_passage: NDArray[np.uint32]
    link_start: NDArray[np.int32]
    link_end: NDArray[np.int32]
    link_cell: NDArray[np.bool_]
    link_keys: NDArray[np.uint64]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def make_rows(**arrays: NDArray[Any]) -> LinkRows:
    """Return rows made of arrays of any integer kinds, as the kinds that are kept."""
    return LinkRows(**{name: np.ascontiguousarray(arrays[name], kind) for name, kind in DTYPES.items()})


def check_rows(rows: LinkRows) -> None:
    """Check that every number points inside.

    Raises:
        ValueError: one does not; the rows are of a damaged file.
    """
    documents, passages, words = len(rows.uid), len(rows.passage_start), len(rows.word)
    for name, (first, length, end) in {
        "passages": (rows.first_passage, documents + 1, passages),
        "words": (rows.first_word, passages + 1, words),
    }.items():
        if len(first) != length or first[0] != 0 or first[-1] != end or (np.diff(first) < 0).any():
            raise ValueError(f"{name} do not add up")
    inside = (
        _below(rows.word, len(rows.vocabulary))
        and _below(rows.mention_word + rows.mention_words.astype(np.int64), words + 1)
        and _below(rows.name_document, documents)
        and _below(rows.address_document, documents)
        and _below(rows.link_passage, passages)
        and len({words, len(rows.offset), len(rows.length), len(rows.flags)}) == 1
        and rows.link_keys.shape == (len(rows.link_passage), KEYS)
    )
    if not inside:
        raise ValueError("a number points outside")


def _below(values: NDArray[Any], bound: int) -> bool:
    return not len(values) or int(values.max()) < bound


def cut(rows: LinkRows, first: int, last: int) -> LinkRows:
    """Return the rows of the documents `[first, last)`; the vocabulary stays whole, so that `join` knows it again."""
    passages = slice(*(int(n) for n in rows.first_passage[[first, last]]))
    words = slice(*(int(n) for n in rows.first_word[[passages.start, passages.stop]]))
    mentions = _within(rows.mention_word, words)
    names = _within(rows.name_document, slice(first, last))
    addresses = _within(rows.address_document, slice(first, last))
    links = _within(rows.link_passage, passages)
    changed: dict[str, Any] = {
        "uid": rows.uid[first:last],
        "first_passage": rows.first_passage[first : last + 1] - passages.start,
        "first_word": rows.first_word[passages.start : passages.stop + 1] - words.start,
        "passage_start": rows.passage_start[passages],
        "mention_word": rows.mention_word[mentions] - np.uint32(words.start),
        "mention_words": rows.mention_words[mentions],
        "name_document": rows.name_document[names] - np.uint32(first),
        "address_document": rows.address_document[addresses] - np.uint32(first),
        "address_key": rows.address_key[addresses],
        "link_passage": rows.link_passage[links] - np.uint32(passages.start),
    }
    changed |= {name: getattr(rows, name)[words] for name in ("word", "offset", "length", "flags")}
    changed |= {f"name_{n}": getattr(rows, f"name_{n}")[names] for n in _NAME}
    changed |= {f"link_{n}": getattr(rows, f"link_{n}")[links] for n in _LINK}
    return replace(rows, **changed)


_NAME = ("key", "prefix", "anchor", "words", "content", "strength")
_LINK = ("start", "end", "cell", "keys")
# What each array of numbers counts, so that it moves when rows are joined.
_COUNTS = {
    "first_passage": "passage_start",
    "first_word": "word",
    "mention_word": "word",
    "name_document": "uid",
    "address_document": "uid",
    "link_passage": "passage_start",
}


def _within(values: NDArray[Any], bounds: slice) -> slice:
    """Return where ascending values lie in the given bounds."""
    low, high = np.searchsorted(values, [bounds.start, bounds.stop])
    return slice(int(low), int(high))


def join(parts: Sequence[LinkRows]) -> LinkRows:
    """Return rows one after the other, over one vocabulary of the words that occur in them."""
    if not parts:
        return empty()
    own = {id(part.vocabulary): part.vocabulary for part in parts}
    union = np.unique(np.concatenate(list(own.values())))
    places = {key: np.searchsorted(union, vocabulary).astype(np.uint32) for key, vocabulary in own.items()}
    word = np.concatenate([places[id(part.vocabulary)][part.word] for part in parts])
    used = np.zeros(len(union), np.bool_)
    used[word] = True
    made: dict[str, NDArray[Any]] = {
        "vocabulary": union[used],
        "word": (np.cumsum(used, dtype=np.int64) - 1).astype(np.uint32)[word],
    }
    for name, kind in DTYPES.items():
        if name in made:
            continue
        arrays = [getattr(part, name) for part in parts]
        if name in _COUNTS:
            counts = [len(getattr(part, _COUNTS[name])) for part in parts]
            moves = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
            if name.startswith("first_"):
                arrays = [a[:-1] for a in arrays[:-1]] + arrays[-1:]
            arrays = [array.astype(np.int64) + move for array, move in zip(arrays, moves, strict=False)]
        made[name] = np.concatenate(arrays).astype(kind)
    return LinkRows(**made)


def empty() -> LinkRows:
    """Return the rows of no document."""
    made = {name: np.zeros(0, kind) for name, kind in DTYPES.items()}
    made |= {"first_passage": np.zeros(1, np.int64), "first_word": np.zeros(1, np.int64)}
    return LinkRows(**made | {"link_keys": np.zeros((0, KEYS), np.uint64)})
