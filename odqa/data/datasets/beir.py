"""The layout of BEIR (Thakur et al., 2021): `corpus.jsonl`, `queries.jsonl` and `qrels/{train,dev,test}.tsv`.

Gold has no grades: every document judged above 0 is gold, and those judged 0 or less are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

from odqa.data.builder import DocumentBuilder
from odqa.data.datasets.files import Record, choose_splits, find_file, read_unique
from odqa.data.datasets.types import AnswerLength, Dataset, Gold, Question
from odqa.errors import LoadError
from odqa.schema import Document

SPLITS = ("train", "dev", "test")

_HEADER = ("query-id", "corpus-id", "score")
Judged = dict[str, dict[str, int]]


def matches(folder: Path) -> bool:
    """Tell whether a folder holds a corpus, queries and a folder of judgements."""
    return bool(find_file(folder, "corpus") and find_file(folder, "queries")) and (folder / "qrels").is_dir()


def load(folder: Path, split: str | None, *, name: str = "beir") -> Dataset:
    """Open a data set in the layout of BEIR; its questions are the queries that the chosen split judges.

    Documents of the corpus that have neither title nor text are left out: there is nothing to index. Where one of
    them is judged relevant, it stays gold that is never found.

    Raises:
        UsageError: there is no such split.
        LoadError: there are no judgements.
    """
    corpus, queries = (find_file(folder, stem) or folder / f"{stem}.jsonl" for stem in ("corpus", "queries"))
    there = sorted((path.stem for path in (folder / "qrels").glob("*.tsv")), key=_order)
    if not there:
        raise LoadError(f"{folder / 'qrels'}: no judgements here", "test.tsv is expected")
    chosen = choose_splits(name, there, split)

    def documents() -> Iterator[Document]:
        found = read_unique(corpus, _document, key=lambda document: document.id)
        return (document for document in found if document.text)

    @cache
    def known() -> frozenset[str]:
        return frozenset(read_unique(corpus, lambda record: str(record["_id"]), key=str))

    def questions(splits: Sequence[str] = chosen) -> Iterator[Question]:
        asked = dict(read_unique(queries, _query, key=lambda query: query[0]))
        judged: Judged = {}
        for each in splits:
            _read_judgements(folder / "qrels" / f"{each}.tsv", judged, known().__contains__, asked.__contains__)
        for query, scores in judged.items():
            gold = tuple(Gold(document) for document, score in scores.items() if score > 0)
            yield Question(query, asked[query], "query", 1, gold, (), marked=len(gold), mapped=len(gold))

    training = partial(questions, ["train"]) if "train" in there and "train" not in chosen else None
    return Dataset(
        name, documents, questions, split=split or "", answers=AnswerLength.NONE, training=training, files=(corpus,)
    )


def _order(split: str) -> tuple[int, str]:
    return (SPLITS.index(split) if split in SPLITS else len(SPLITS)), split


def _document(record: Record) -> Document:
    title, text = record.get("title") or "", record["text"]
    builder = DocumentBuilder(str(record["_id"]), title=title)
    # A page of which only the title is known is found by its title.
    for paragraph in (text if text.strip() else title).split("\n\n"):
        builder.paragraph(paragraph)
    return builder.build()


def _query(record: Record) -> tuple[str, str]:
    if not record["text"].strip():
        raise ValueError("the query is empty")
    return str(record["_id"]), record["text"].strip()


def _read_judgements(
    path: Path, judged: Judged, is_document: Callable[[str], bool], is_query: Callable[[str], bool]
) -> None:
    """Add the judgements of a file to those by query and document.

    Raises:
        LoadError: a line is none, or names what is not there, or judges a second time; names file and line.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise LoadError(f"{path}: {error}") from error
    own: set[tuple[str, str]] = set()
    for number, line in enumerate(lines, start=1):
        fields = tuple(line.rstrip("\r").split("\t"))
        if fields == ("",) or (number == 1 and fields == _HEADER):
            continue
        if problem := _problem(fields, is_document, is_query) or (fields[:2] in own and "is judged already"):
            raise LoadError(f"{path}, line {number}: {problem}", f"{', '.join(_HEADER)} are expected, by tabs")
        query, document, score = fields
        own.add((query, document))
        judged.setdefault(query, {}).setdefault(document, int(score))


def _problem(fields: tuple[str, ...], is_document: Callable[[str], bool], is_query: Callable[[str], bool]) -> str:
    """Return what is wrong with a judgement, or ""."""
    if len(fields) != len(_HEADER):
        return f"{len(fields)} columns"
    query, document, score = fields
    if not is_query(query):
        return f"there is no query {query!r}"
    if not is_document(document):
        return f"there is no document {document!r}"
    return "" if score.strip().removeprefix("-").isdecimal() else f"the score {score!r} is no whole number"
