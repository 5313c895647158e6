"""BM25 over whole documents and over passages, on tantivy.

Two tantivy indexes in the cache of a generation: `documents` (title, structured summary, full text; one row a
document) and `passages` (context and text; one row a passage). Scores are Okapi BM25 (Robertson and Zaragoza 2009,
k1 = 1.2, b = 0.75, tantivy's constants) with statistics over the whole collection, however many segments it has.
Words are folded to ASCII, lower-cased and stemmed; stop words are left out.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tantivy

from odqa.errors import ConfigError, IndexCorrupt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.index.snapshot import Snapshot

LANGUAGES = {
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "fi": "finnish", "fr": "french", "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip
_WITHOUT_STOP_WORDS = {"ar", "el", "ro", "ta", "tr"}
_HEAP_BYTES = 64_000_000
_LONGEST_WORD = 60
# Up to this share of the passages, a search inside documents names the documents; beyond, it looks through all that
# fits the question, `_SLACK` times as deep as it should need, and `_DEEPER` times as deep again if that is not enough.
_SMALL_SHARE = 0.02
_SLACK = 1.5
_DEEPER = 8
TITLE_BOOST = 1.0
SUMMARY_BOOST = 1.0
CONTEXT_BOOST = 0.5


def make_analyzer(language: str) -> tantivy.TextAnalyzer:
    """Return the analysis that documents and questions share.

    Raises:
        ConfigError: a language without a stemmer; `none` analyses without stemming and stop words.
    """
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    builder = builder.filter(tantivy.Filter.remove_long(_LONGEST_WORD)).filter(tantivy.Filter.lowercase())
    if language != "none":
        if language not in LANGUAGES:
            raise ConfigError(f"language {language!r} is not known", f"choose none or {', '.join(sorted(LANGUAGES))}")
        if language not in _WITHOUT_STOP_WORDS:
            builder = builder.filter(tantivy.Filter.stopword(LANGUAGES[language]))
        # Snowball needs the accents of its language, so folding comes after it.
        builder = builder.filter(tantivy.Filter.stemmer(LANGUAGES[language]))
    return builder.filter(tantivy.Filter.ascii_fold()).build()


def _schema(fields: Iterable[str], keys: Iterable[str]) -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for key in keys:
        builder.add_unsigned_field(key, stored=False, indexed=True, fast=True)
    for name in fields:
        builder.add_text_field(name, stored=False, tokenizer_name="odqa", index_option="freq")
    return builder.build()


DOCUMENT_FIELDS = {"title": TITLE_BOOST, "summary": SUMMARY_BOOST, "body": 1.0}
"""What a document is found by. The summary repeats what matters most of it, as a field of its own: that puts the right
document first for one to three questions more in a hundred (docs/pooling.md)."""
TEXT_FIELDS = {"title": TITLE_BOOST, "body": 1.0}
"""The same without what odqa adds."""
PASSAGE_FIELDS = {"context": CONTEXT_BOOST, "body": 1.0}


class LexicalIndex:
    """BM25 over the live documents and passages of one snapshot."""

    def __init__(self, folder: Path, snapshot: Snapshot, language: str) -> None:
        """Open the lexical cache in `folder`.

        Raises:
            IndexCorrupt: it cannot be opened, or holds another number of rows than the snapshot.
        """
        self._snapshot = snapshot
        self._analyzer = make_analyzer(language)
        self._schemas = {
            "documents": _schema(DOCUMENT_FIELDS, ["uid"]),
            "passages": _schema(PASSAGE_FIELDS, ["uid", "n"]),
        }
        try:
            self._indexes = {name: self._open(folder / name, schema) for name, schema in self._schemas.items()}
            self._searchers = {name: index.searcher() for name, index in self._indexes.items()}
        except (ValueError, OSError) as error:
            raise IndexCorrupt(f"{folder}: {error}", "delete the cache folder; it is made anew") from error
        expected = int(snapshot.live.sum())
        if self._searchers["documents"].num_docs != expected:
            raise IndexCorrupt(f"{folder}: it does not hold the {expected} live documents", "delete the cache folder")

    def _open(self, folder: Path, schema: tantivy.Schema) -> tantivy.Index:
        index = tantivy.Index(schema, path=str(folder))
        index.register_tokenizer("odqa", self._analyzer)
        return index

    def terms(self, question: str) -> list[str]:
        """Return the distinct analysed words of a question, in order."""
        return list(dict.fromkeys(self._analyzer.analyze(question)))

    def inverse_frequencies(self, terms: Sequence[str]) -> NDArray[np.float64]:
        """Return how rare analysed words are among the passages: ln(1 + (N - n + ½) / (n + ½)), as BM25 weighs them.

        Args:
            terms: as `terms` returns them.

        Returns:
            Shape (len(terms),).
        """
        searcher = self._searchers["passages"]
        held = np.array([searcher.doc_freq("body", term) for term in terms], np.float64)
        total = max(float(searcher.num_docs), float(held.max(initial=0.0)))
        return np.log1p((total - held + 0.5) / (held + 0.5))

    def documents(
        self, question: str, limit: int, fields: Mapping[str, float] = DOCUMENT_FIELDS
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the numbers and scores of the best documents, best first.

        Args:
            question: any text.
            limit: how many at most.
            fields: what of a document counts, and how much: `title`, `summary`, `body`.
        """
        query = self._query("documents", fields, question)
        if query is None:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        hits = self._searchers["documents"].search(query, limit, count=False).hits
        uids = self._searchers["documents"].fast_field_values("uid", [address for _, address in hits])
        known = self._snapshot.by_uid
        return np.array([known[int(u)] for u in uids if u is not None], np.int64), np.array([s for s, _ in hits], "f4")

    def passages(
        self, question: str, limit: int, within: Sequence[int] | NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the global numbers and scores of the best passages, best first.

        Args:
            question: any text.
            limit: how many at most.
            within: numbers of live documents to look in; everywhere if None. Statistics are the collection's.
        """
        query = self._query("passages", PASSAGE_FIELDS, question)
        if query is None or (within is not None and not len(within)):
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        if within is None:
            return self._passages(query, limit)[1:]
        inside = np.unique(np.asarray(within, np.int64))
        first = self._snapshot.first_passage
        share = float((first[inside + 1] - first[inside]).sum() / max(1, int(first[-1])))
        if share > _SMALL_SHARE:
            return self._filtered(query, limit, inside, share)
        uids = [int(uid) for uid in self._snapshot.uids[inside]]
        chosen = tantivy.Query.term_set_query(self._schemas["passages"], "uid", uids)
        named = tantivy.Query.const_score_query(chosen, 0.0)
        both = tantivy.Query.boolean_query([(tantivy.Occur.Must, named), (tantivy.Occur.Must, query)])
        return self._passages(both, limit)[1:]

    def _filtered(
        self, query: tantivy.Query, limit: int, inside: NDArray[np.int64], share: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Search everywhere, so deep that enough of what is found lies inside many documents.

        Naming each of 100,000 documents in the query takes most of a second; this takes some thirty milliseconds. The
        order is that of all passages, so the first ones inside are exactly the best ones inside.

        Args:
            query: over passages.
            limit: how many at most.
            inside: numbers of the documents, ascending.
            share: of all passages that are inside.
        """
        everything = max(1, self._searchers["passages"].num_docs)
        depth = min(everything, max(limit, round(_SLACK * limit / share)))
        while True:
            owners, found, scores = self._passages(query, depth)
            kept = np.flatnonzero(np.isin(owners, inside))[:limit]
            if len(kept) == limit or len(found) < depth or depth == everything:
                return found[kept], scores[kept]
            depth = min(everything, depth * _DEEPER)

    def _passages(
        self, query: tantivy.Query, limit: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Return the documents, the global numbers and the scores of the best passages, best first."""
        searcher = self._searchers["passages"]
        hits = searcher.search(query, limit, count=False).hits
        addresses = [address for _, address in hits]
        keys = zip(*(searcher.fast_field_values(name, addresses) for name in ("uid", "n")), strict=True)
        known = self._snapshot.by_uid
        places = [(known[int(uid)], int(n)) for uid, n in keys if uid is not None and n is not None]
        owners, numbers = np.array(places, np.int64).reshape(-1, 2).T
        scores = np.array([score for score, _ in hits], np.float32)
        return owners, self._snapshot.first_passage[owners] + numbers, scores

    def _query(self, which: str, fields: Mapping[str, float], question: str) -> tantivy.Query | None:
        schema = self._schemas[which]
        clauses = [
            (tantivy.Occur.Should, tantivy.Query.boost_query(self._term(schema, name, term), boost))
            for term in self.terms(question)
            for name, boost in fields.items()
        ]
        return tantivy.Query.boolean_query(clauses) if clauses else None

    def _term(self, schema: tantivy.Schema, field: str, term: str) -> tantivy.Query:
        return tantivy.Query.term_query(schema, field, term, index_option="freq")


def write_lexical(
    folder: Path, snapshot: Snapshot, language: str, *, previous: tuple[Path, frozenset[int]] | None = None
) -> None:
    """Write the lexical cache of a snapshot into the new folder `folder`.

    Args:
        folder: where to; must not exist.
        snapshot: what to index.
        language: of stemming and stop words.
        previous: an older cache of the same index and language, and the uids of the documents in it. Its files
            are linked, not copied (tantivy never changes a file it has written), and only the difference is
            indexed. Tantivy's statistics go on counting removed documents until their rows are merged away, so
            leave it out where scores must be those of a rebuild.
    """
    analyzer = make_analyzer(language)
    done: frozenset[int] = frozenset()
    folder.mkdir(parents=True)
    if previous is not None:
        for name in ("documents", "passages"):
            shutil.copytree(previous[0] / name, folder / name, copy_function=_link)
        done = previous[1]
    new = [number for uid, number in snapshot.by_uid.items() if uid not in done]
    gone = done - snapshot.by_uid.keys()
    documents = _writer(folder / "documents", _schema(DOCUMENT_FIELDS, ["uid"]), analyzer, gone)
    passages = _writer(folder / "passages", _schema(PASSAGE_FIELDS, ["uid", "n"]), analyzer, gone)
    for number in new:
        uid, words = int(snapshot.uids[number]), snapshot.searchable(number)
        row = _row({"uid": uid}, {"title": words.title, "body": words.text, "summary": words.summary})
        documents.add_document(row)
        for n, (context, text) in enumerate(words.passages):
            passages.add_document(_row({"uid": uid, "n": n}, {"context": context, "body": text}))
    for writer in (documents, passages):
        writer.commit()
        writer.wait_merging_threads()


def _link(source: str, target: str) -> None:
    # Tantivy rewrites only its own small JSON files, in place of the old ones; those must not be shared.
    if source.endswith(".json"):
        shutil.copy2(source, target)
        return
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


def _writer(
    folder: Path, schema: tantivy.Schema, analyzer: tantivy.TextAnalyzer, gone: Iterable[int]
) -> tantivy.IndexWriter:
    """Open a tantivy index for writing, with the rows of the documents `gone` deleted."""
    folder.mkdir(exist_ok=True)
    index = tantivy.Index(schema, path=str(folder))
    index.register_tokenizer("odqa", analyzer)
    # One thread, so that the same documents always give the same files and the same order among equal scores.
    writer = index.writer(_HEAP_BYTES, num_threads=1)
    for uid in gone:
        writer.delete_documents_by_term("uid", uid)
    return writer


def _row(keys: dict[str, int], texts: dict[str, str]) -> tantivy.Document:
    row = tantivy.Document()
    for name, value in keys.items():
        row.add_unsigned(name, value)
    for name, text in texts.items():
        row.add_text(name, _utf8(text))
    return row


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
