"""Join the link rows of all segments into the links of a collection: names looked up, addresses resolved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.index.links.columns import Columns, first_of, ranges
from odqa.index.links.dictionary import Counts, Dictionary, join_by_key, make_dictionary, rarity
from odqa.index.links.lookup import look_up
from odqa.index.links.rows import LinkRows
from odqa.index.links.words import LONGEST, find_keys, run_keys
from odqa.schema import LinkKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.index.snapshot import Snapshot

    Numbers = NDArray[np.int64]

LINK_KINDS = (LinkKind.HYPERLINK, LinkKind.CELL, LinkKind.TITLE, LinkKind.NAME)
HYPERLINK, CELL, TITLE, NAME = range(len(LINK_KINDS))

MOST_DOCUMENTS = 50
"""Documents that a name may occur in and still say something about what they share."""
_MOST_PASSAGES = 4 * MOST_DOCUMENTS
_CHUNK_WORDS = 1 << 19

Read = Callable[[int], LinkRows]
Done = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class _Part:
    """One segment's rows with the numbers that its documents and passages have in the collection."""

    rows: LinkRows
    document: int
    passage: int
    live: NDArray[np.bool_]

    @property
    def passage_document(self) -> Numbers:
        """Global number of each passage's document."""
        return np.repeat(np.arange(len(self.rows.uid)), np.diff(self.rows.first_passage)) + self.document

    @property
    def live_passages(self) -> NDArray[np.bool_]:
        """Which passages belong to live documents."""
        return np.repeat(self.live, np.diff(self.rows.first_passage))


def merge(snapshot: Snapshot, read: Read, done: Done) -> dict[str, NDArray[Any]]:
    """Return the arrays of a link graph, by name.

    Args:
        snapshot: the collection; only its live documents count.
        read: returns the link rows of a segment by its place in the snapshot.
        done: called with the number of passages finished.
    """
    counts = Counts()
    names, addresses = Columns(), Columns()
    for part in _parts(snapshot, read):
        rows = part.rows
        counts.add(rows.vocabulary, rows.word, rows.flags, np.repeat(part.live_passages, np.diff(rows.first_word)))
        _add_names(part, names)
        keep = part.live[rows.address_document]
        addresses.add(document=rows.address_document[keep].astype(np.int64) + part.document, key=rows.address_key[keep])
    counts.close(int(np.diff(snapshot.first_passage)[snapshot.live].sum()))
    dictionary = make_dictionary(_name_columns(names), snapshot.uids, counts)
    places = join_by_key(**addresses.joined(document=np.int64, key=np.uint64), uids=snapshot.uids)
    mentions, hyperlinks, shared = Columns(), Columns(), Columns()
    finished = 0
    for part in _parts(snapshot, read):
        _mentions(part, dictionary, mentions)
        _resolve(part, places, hyperlinks)
        _names(part, counts, shared)
        finished += len(part.rows.passage_start)
        done(finished)
    documents = int(snapshot.live.sum())
    titles, weights = _title_edges(dictionary, mentions, documents)
    edges = _edges(snapshot, [_columns(hyperlinks), titles])
    return {**edges, **dictionary.arrays(weights), **_shared(snapshot, shared, documents)}


def _parts(snapshot: Snapshot, read: Read) -> Any:
    document = passage = 0
    for number, segment in enumerate(snapshot.segments):
        rows = read(number)
        yield _Part(rows, document, passage, snapshot.live[document : document + segment.ref.documents])
        document += segment.ref.documents
        passage += segment.ref.passages


_NAME_KINDS = {
    "document": np.int64,
    "key": np.uint64,
    "prefix": np.uint64,
    "anchor": np.uint64,
    "words": np.uint8,
    "content": np.uint8,
    "strength": np.float32,
}
_EDGE_KINDS = {
    "source": np.int64,
    "document": np.int64,
    "kind": np.uint8,
    "start": np.int32,
    "end": np.int32,
    "weight": np.float32,
}


def _name_columns(names: Columns) -> dict[str, NDArray[Any]]:
    return names.joined(**_NAME_KINDS)


def _columns(found: Columns) -> dict[str, NDArray[Any]]:
    return found.joined(**_EDGE_KINDS)


def _add_names(part: _Part, names: Columns) -> None:
    rows = part.rows
    keep = part.live[rows.name_document]
    names.add(
        document=rows.name_document[keep].astype(np.int64) + part.document,
        **{name: getattr(rows, f"name_{name}")[keep] for name in _NAME_KINDS if name != "document"},
    )


def _mentions(part: _Part, dictionary: Dictionary, found: Columns) -> None:
    """Look up all runs of words of a segment in the dictionary of names."""
    rows, live = part.rows, part.live_passages
    document = part.passage_document
    first = 0
    while first < len(rows.passage_start):
        last = int(np.searchsorted(rows.first_word, rows.first_word[first] + _CHUNK_WORDS, side="right")) - 1
        last = min(max(last, first + 1), len(rows.passage_start))
        low, high = rows.first_word[[first, last]].tolist()
        name, flags = rows.vocabulary[rows.word[low:high]], rows.flags[low:high]
        at, size, key, weight = look_up(name, flags, dictionary)
        passage = np.searchsorted(rows.first_word, at + low, side="right") - 1
        keep = live[passage]
        at, size, key, weight, passage = at[keep] + low, size[keep], key[keep], weight[keep], passage[keep]
        start, end = _span(rows, at, at + size - 1, passage)
        found.add(source=passage + part.passage, owner=document[passage], key=key, start=start, end=end, weight=weight)
        first = last


def _span(rows: LinkRows, first: Numbers, last: Numbers, passage: Numbers) -> tuple[Numbers, Numbers]:
    """Return the characters, in the document, of words `first` to `last` of passages."""
    base = rows.passage_start[passage].astype(np.int64)
    return base + rows.offset[first], base + rows.offset[last] + rows.length[last]


def _resolve(part: _Part, places: tuple[NDArray[np.uint64], Numbers, Numbers], found: Columns) -> None:
    """Find the documents that hyperlinks lead to: the first reading of a target that is an address counts."""
    rows = part.rows
    keys, first, document = places
    left = np.flatnonzero(part.live_passages[rows.link_passage])
    owner = part.passage_document
    for column in range(rows.link_keys.shape[1]):
        hit, place = find_keys(keys, rows.link_keys[left, column])
        count = first[place + 1] - first[place]
        links = np.repeat(left[hit], count)
        target = document[ranges(first[place], count)]
        passage = rows.link_passage[links].astype(np.int64)
        keep = owner[passage] != target
        found.add(
            source=passage[keep] + part.passage,
            document=target[keep],
            kind=np.where(rows.link_cell[links], CELL, HYPERLINK)[keep],
            start=rows.link_start[links][keep],
            end=rows.link_end[links][keep],
            weight=(1 / np.sqrt(np.repeat(count, count)))[keep],
        )
        left = np.delete(left, hit)


def _names(part: _Part, counts: Counts, found: Columns) -> None:
    """Collect the names that passages mention; a single word must be one that is nearly always capitalised."""
    rows = part.rows
    first, count = rows.mention_word.astype(np.int64), rows.mention_words.astype(np.int64)
    passage = np.searchsorted(rows.first_word, first, side="right") - 1
    proper = counts.proper(rows.vocabulary)
    keep = part.live_passages[passage] & ((count > 1) | proper[rows.word[first]]) & (count > 0) & (count <= LONGEST)
    first, count, passage = first[keep], count[keep], passage[keep]
    start, end = _span(rows, first, first + count - 1, passage)
    key = _mention_keys(rows, first, count)
    unique = first_of(key, passage)
    owner = part.passage_document[passage]
    found.add(
        key=key[unique],
        passage=passage[unique] + part.passage,
        document=owner[unique],
        start=start[unique],
        end=end[unique],
    )


def _mention_keys(rows: LinkRows, first: Numbers, count: Numbers) -> NDArray[np.uint64]:
    keys = np.zeros(len(first), np.uint64)
    for low in range(0, len(first), _CHUNK_WORDS):
        some = slice(low, low + _CHUNK_WORDS)
        if not len(first[some]):
            break
        begin, end = int(first[some].min()), int((first[some] + count[some]).max())
        name = rows.vocabulary[rows.word[begin:end]]
        keys[some] = run_keys(name, rows.flags[begin:end], first[some] - begin, count[some])
    return keys


def _title_edges(
    dictionary: Dictionary, mentions: Columns, documents: int
) -> tuple[dict[str, NDArray[Any]], NDArray[np.float32]]:
    """Return edges from passages to the documents that they name, and the weight of each entry of the dictionary."""
    kinds = {"owner": np.int64, "key": np.int64, **_EDGE_KINDS}
    made = mentions.joined(**{name: kinds[name] for name in ("source", "owner", "key", "start", "end", "weight")})
    pairs = first_of(made["key"], made["owner"])
    seen = np.bincount(made["key"][pairs], minlength=len(dictionary.key))
    bearers = np.diff(dictionary.first)
    share = rarity(seen, documents) / np.sqrt(np.maximum(bearers, 1))
    weights = (dictionary.strength * np.repeat(share, bearers)).astype(np.float32)
    count = bearers[made["key"]]
    entry = ranges(dictionary.first[made["key"]], count)
    rows = np.repeat(np.arange(len(count)), count)
    edges = {
        "source": made["source"][rows],
        "document": dictionary.document[entry],
        "kind": np.full(len(rows), TITLE, np.uint8),
        "start": made["start"][rows],
        "end": made["end"][rows],
        "weight": made["weight"][rows] * weights[entry],
    }
    keep = edges["document"] != made["owner"][rows]
    return {name: values[keep] for name, values in edges.items()}, weights


def _edges(snapshot: Snapshot, parts: list[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Return edges to documents by source and by target; of one kind, a passage has one to a document, its best."""
    edges = {name: np.concatenate([part[name] for part in parts]) for name in _EDGE_KINDS}
    order = np.lexsort((edges["start"], -edges["weight"], edges["kind"], edges["document"], edges["source"]))
    edges = {name: values[order] for name, values in edges.items()}
    keep = first_of(edges["source"], edges["document"], edges["kind"])
    edges = {name: values[keep] for name, values in edges.items()}
    order = np.lexsort((edges["document"], edges["kind"], edges["start"], edges["source"]))
    edges = {name: values[order] for name, values in edges.items()}
    into = np.argsort(edges["document"], kind="stable")
    return {
        "first_passage": snapshot.first_passage,
        "edge_first": np.searchsorted(edges["source"], np.arange(int(snapshot.first_passage[-1]) + 1)),
        "edge_source": edges["source"].astype(np.int32),
        "edge_document": edges["document"].astype(np.int32),
        "edge_kind": edges["kind"],
        "edge_start": edges["start"].astype(np.int32),
        "edge_end": edges["end"].astype(np.int32),
        "edge_weight": edges["weight"].astype(np.float32),
        "into_first": np.searchsorted(edges["document"][into], np.arange(len(snapshot.live) + 1)),
        "into_edge": into.astype(np.int32),
    }


def _shared(snapshot: Snapshot, found: Columns, documents: int) -> dict[str, NDArray[Any]]:
    """Return rare names with their occurrences, by name and by passage."""
    kinds = {"key": np.uint64, "passage": np.int64, "document": np.int64, "start": np.int32, "end": np.int32}
    made = found.joined(**kinds)
    order = np.lexsort((made["passage"], made["key"]))
    made = {name: values[order] for name, values in made.items()}
    keys, place, count = np.unique(made["key"], return_inverse=True, return_counts=True)
    seen = np.bincount(place[first_of(place, made["document"])], minlength=len(keys))
    rare = (seen <= MOST_DOCUMENTS) & (count <= _MOST_PASSAGES)
    keep = rare[place]
    made = {name: values[keep] for name, values in made.items()}
    name = (np.cumsum(rare) - 1)[place[keep]]
    by_passage = np.argsort(made["passage"], kind="stable")
    return {
        "name_key": keys[rare],
        "name_first": np.concatenate([[0], np.cumsum(count[rare])]).astype(np.int64),
        "name_documents": seen[rare].astype(np.uint8),
        "name_weight": rarity(seen[rare], documents).astype(np.float32),
        "occurrence_name": name.astype(np.int32),
        "occurrence_passage": made["passage"].astype(np.int32),
        "occurrence_start": made["start"],
        "occurrence_end": made["end"],
        "mention_first": np.searchsorted(
            made["passage"][by_passage], np.arange(int(snapshot.first_passage[-1]) + 1)
        ).astype(np.int64),
        "mention_occurrence": by_passage.astype(np.int32),
    }
