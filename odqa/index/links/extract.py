"""Read a segment's text once, and keep of it what links are made of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.index.links.addresses import KEYS, document_keys, target_keys
from odqa.index.links.names import name_runs, names_of
from odqa.index.links.rows import LinkRows, make_rows
from odqa.index.links.words import BREAK, FUNCTION, HARD, LONGEST, NUMBER, Lexicon, Words, run_keys

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.index.links.extractors import Extractor
    from odqa.index.segment import Segment

    Numbers = NDArray[np.int64]

_CHUNK_PASSAGES, _CHUNK_BYTES = 2048, 4 << 20
_FARTHEST = np.iinfo(np.uint16).max  # Characters into a passage as far as which words are kept; passages are shorter.
_ACRONYM_WITHIN = 400  # Characters at the beginning of a document in which it may give its own acronym.


def extract(
    segment: Segment, rows: tuple[int, int], lexicon: Lexicon, extractor: Extractor | None
) -> Iterator[LinkRows]:
    """Yield the link rows of the documents in rows `[first, last)` of a segment, a bounded chunk at a time.

    Args:
        segment: the segment.
        rows: first row of `documents`, and the one after the last.
        lexicon: cuts text into words.
        extractor: finds names in running text; capitals do if None.
    """
    for first, last in _chunks(segment, *rows):
        yield _extract(_Chunk.read(segment, first, last), lexicon, extractor)


def _chunks(segment: Segment, first: int, last: int) -> Iterator[tuple[int, int]]:
    passages = segment.offsets["passages"]
    size = max(1, segment.ref.text_bytes // max(1, segment.ref.passages))
    most = max(1, min(_CHUNK_PASSAGES, _CHUNK_BYTES // size))
    while first < last:
        end = int(np.searchsorted(passages, passages[first] + most, side="right")) - 1
        end = min(max(end, first + 1), last)
        yield first, end
        first = end


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some documents of a segment; positions count in the characters of all their texts, one after the other.

    Attributes:
        documents: columns of `documents`.
        metadata: of each document, decoded.
        base: where each document's text begins; (documents + 1,).
        first_passage: where each document's passages begin; (documents + 1,).
        start: first character of each passage; (passages,).
        end: the character after its last; (passages,).
        sentence: first character of each sentence; (sentences,).
        table: first and last character of each table; (tables, 2).
        link_document: document of each hyperlink; (links,).
        link: first and last character of each hyperlink; (links, 2).
        targets: of the hyperlinks.
    """

    documents: dict[str, list[Any]]
    metadata: list[Mapping[str, Any]]
    base: Numbers
    first_passage: Numbers
    start: Numbers
    end: Numbers
    sentence: Numbers
    table: Numbers
    link_document: Numbers
    link: Numbers
    targets: list[str]

    @classmethod
    def read(cls, segment: Segment, first: int, last: int) -> _Chunk:
        import pyarrow.compute as pc

        columns = segment.tables["documents"].slice(first, last - first)
        documents = {name: columns[name].to_pylist() for name in ("uid", "id", "title", "source", "metadata", "text")}
        base = _starts([len(text) + 1 for text in documents["text"]])

        def child(name: str) -> tuple[Any, Numbers]:
            low, high = segment.offsets[name][[first, last]].tolist()
            counts = np.diff(segment.offsets[name][first : last + 1])
            return segment.tables[name].slice(low, high - low), np.repeat(np.arange(last - first), counts)

        passages, owner = child("passages")
        counts = pc.list_value_length(passages["sentences"]).to_numpy()
        sentence = pc.list_flatten(passages["sentences"]).to_numpy().astype(np.int64)[::2]
        blocks, block_owner = child("blocks")
        tables = pc.equal(blocks["kind"], "table").to_numpy().astype(np.bool_)
        links, link_document = child("links")
        return cls(
            documents=documents,
            metadata=[_decode(value) for value in documents["metadata"]],
            base=base,
            first_passage=(segment.offsets["passages"][first : last + 1] - segment.offsets["passages"][first]),
            start=passages["start"].to_numpy() + base[owner],
            end=passages["end"].to_numpy() + base[owner],
            sentence=sentence + np.repeat(base[owner], counts // 2),
            table=(_spans(blocks) + base[block_owner][:, None])[tables],
            link_document=link_document,
            link=_spans(links) + base[link_document][:, None],
            targets=links["target"].to_pylist(),
        )


def _decode(metadata: str) -> Mapping[str, Any]:
    if metadata == "{}":
        return {}
    value = json.loads(metadata)
    return value if isinstance(value, dict) else {}


def _spans(table: Any) -> Numbers:
    return np.stack([table["start"].to_numpy(), table["end"].to_numpy()], 1).astype(np.int64)


def _starts(counts: list[int]) -> Numbers:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)


def _extract(chunk: _Chunk, lexicon: Lexicon, extractor: Extractor | None) -> LinkRows:
    words = lexicon.words(chunk.documents["text"])
    base = np.repeat(chunk.base[:-1], np.diff(words.first))
    start, end = words.start + base, words.end + base
    passage = np.searchsorted(chunk.start, start, side="right") - 1
    keep = passage >= 0
    keep[keep] = (end[keep] <= chunk.end[passage[keep]]) & (start[keep] - chunk.start[passage[keep]] <= _FARTHEST)
    start, end, passage = start[keep], end[keep], passage[keep]
    name, flags = words.name[keep], words.flags[keep]
    first_word = np.searchsorted(passage, np.arange(len(chunk.start) + 1))
    opening = np.concatenate([first_word[:-1], np.searchsorted(start, chunk.sentence)])
    flags[opening[opening < len(flags)]] |= BREAK
    vocabulary, word = np.unique(name, return_inverse=True)
    mentions = name_runs(flags) if extractor is None else _found(chunk, extractor, start, end, passage)
    return make_rows(
        uid=np.array(chunk.documents["uid"], np.uint64),
        first_passage=chunk.first_passage,
        first_word=first_word,
        passage_start=chunk.start - np.repeat(chunk.base[:-1], np.diff(chunk.first_passage)),
        vocabulary=vocabulary,
        word=word,
        offset=start - chunk.start[passage],
        length=end - start,
        flags=flags,
        mention_word=mentions[0],
        mention_words=mentions[1],
        **_names(chunk, lexicon),
        **_addresses(chunk),
        **_hyperlinks(chunk),
    )


def _found(
    chunk: _Chunk, extractor: Extractor, start: Numbers, end: Numbers, passage: Numbers
) -> tuple[Numbers, Numbers]:
    """Return the words of the names that an extractor finds, in the form of `names.name_runs`."""
    spans = [
        (base + low, base + high)
        for base, found in zip(chunk.base.tolist(), extractor.names(chunk.documents["text"]), strict=False)
        for low, high in found
    ]
    places = np.array(sorted(spans), np.int64).reshape(-1, 2)
    first = np.searchsorted(start, places[:, 0])
    last = np.searchsorted(end, places[:, 1], side="right")
    whole = (last > first) & (last - first <= LONGEST)
    first, last = first[whole], last[whole]
    same = passage[first] == passage[last - 1]
    return first[same], (last - first)[same]


def _names(chunk: _Chunk, lexicon: Lexicon) -> dict[str, NDArray[Any]]:
    documents: list[int] = []
    names: list[str] = []
    strengths: list[float] = []
    columns = chunk.documents["title"], chunk.metadata, chunk.documents["text"]
    for number, (title, metadata, text) in enumerate(zip(*columns, strict=True)):
        for name, strength in names_of(title, metadata, text[:_ACRONYM_WITHIN]):
            documents.append(number)
            names.append(name)
            strengths.append(strength)
    words = lexicon.words(names)
    count = np.diff(words.first)
    keep = np.flatnonzero((count > 0) & (count <= LONGEST))
    table = _name_table(words, keep, count[keep])
    table["name_document"] = np.array(documents, np.int64)[keep]
    table["name_strength"] = np.array(strengths, np.float32)[keep]
    # The same names without their commas, colons and brackets.
    soft = Words(words.name, words.start, words.end, words.flags & ~HARD, words.first)
    commas = np.concatenate([[0], np.cumsum((words.flags & HARD) != 0)])
    hard = commas[words.first[1:]][keep] > commas[words.first[:-1]][keep]
    other = _name_table(soft, keep[hard], count[keep[hard]])
    other["name_document"], other["name_strength"] = table["name_document"][hard], table["name_strength"][hard] * 0.9
    joined = {name: np.concatenate([table[name], other[name]]) for name in table}
    order = np.argsort(joined["name_document"], kind="stable")
    return {name: values[order] for name, values in joined.items()}


def _name_table(words: Words, rows: Numbers, count: Numbers) -> dict[str, NDArray[Any]]:
    first = words.first[rows]
    content = (words.flags & (FUNCTION | NUMBER)) == 0
    total = np.concatenate([[0], np.cumsum(content)])
    contents = total[first + count] - total[first]
    anchor = np.zeros(len(rows), np.uint64)
    only = contents == 1
    # The first word of content at or after a name's first word is the name's only one.
    places = np.flatnonzero(content)
    anchor[only] = words.name[places[total[first[only]]]]
    prefix = run_keys(words.name, words.flags, first, np.minimum(count, 2))
    return {
        "name_key": run_keys(words.name, words.flags, first, count),
        "name_prefix": np.where(count > 1, prefix, np.uint64(0)),
        "name_anchor": anchor,
        "name_words": count,
        "name_content": contents,
    }


def _addresses(chunk: _Chunk) -> dict[str, NDArray[Any]]:
    documents = chunk.documents
    keys = [
        sorted(document_keys(id_, source, metadata))
        for id_, source, metadata in zip(documents["id"], documents["source"], chunk.metadata, strict=True)
    ]
    return {
        "address_document": np.repeat(np.arange(len(keys)), [len(own) for own in keys]),
        "address_key": np.array([key for own in keys for key in own], np.uint64),
    }


def _hyperlinks(chunk: _Chunk) -> dict[str, NDArray[Any]]:
    ids, sources = chunk.documents["id"], chunk.documents["source"]
    keys = np.array(
        [
            target_keys(target, sources[number], ids[number])
            for number, target in zip(chunk.link_document.tolist(), chunk.targets, strict=True)
        ],
        np.uint64,
    ).reshape(-1, KEYS)
    start, end = chunk.link[:, 0], chunk.link[:, 1]
    passage = np.searchsorted(chunk.start, start, side="right") - 1
    # A link in a heading or a table's header leads from what stands under it.
    passage += (passage < 0) | (chunk.end[np.maximum(passage, 0)] < end if len(chunk.end) else False)
    low, high = chunk.first_passage[chunk.link_document], chunk.first_passage[chunk.link_document + 1]
    passage = np.clip(passage, low, high - 1)
    table = np.searchsorted(chunk.table[:, 0], start, side="right") - 1
    cell = table >= 0
    cell[cell] = end[cell] <= chunk.table[table[cell], 1]
    keep = np.flatnonzero((high > low) & (keys != 0).any(1))
    keep = keep[np.argsort(passage[keep], kind="stable")]
    offset = chunk.base[chunk.link_document[keep]]
    return {
        "link_passage": passage[keep],
        "link_start": start[keep] - offset,
        "link_end": end[keep] - offset,
        "link_cell": cell[keep],
        "link_keys": keys[keep],
    }
