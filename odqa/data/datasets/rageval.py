"""RAGEval's DRAGONBall (Zhu et al., 2024): questions about invented companies, courts and patients, and their evidence.

Two layouts: the published one (`dragonball_docs`, `dragonball_queries`, English and Chinese together), and `docs`
beside flat `questions`. A language is a split: the documents are those of all languages, the questions of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from odqa.data.builder import DocumentBuilder, clean
from odqa.data.datasets.files import Record, choose_splits, find_file, first_record, read_items, read_unique
from odqa.data.datasets.quotes import QuoteFinder
from odqa.data.datasets.types import AnswerLength, Dataset, Gold, Question
from odqa.schema import Document, Span

_DOCUMENTS = ("dragonball_docs", "docs")
_QUESTIONS = ("dragonball_queries", "questions", "queries")
_NAMES = ("company_name", "court_name", "hospital_patient_name")
_UNANSWERABLE = ("unanswerable", "unsolvable", "无解")
_COMPARING = ("multi-document", "多文档")
_COMPARED = 2  # Documents that a question which compares documents is about.


def matches(folder: Path) -> bool:
    """Tell whether a folder holds documents with `doc_id` and a file of questions."""
    return bool(find_file(folder, *_QUESTIONS)) and "doc_id" in first_record(find_file(folder, *_DOCUMENTS))


def load(folder: Path, split: str | None, *, name: str = "rageval") -> Dataset:
    """Open DRAGONBall in `folder`.

    A question's evidence sentences are looked for in the documents that it names. Where it names more than it is
    about (two, if it compares documents, else one), only those are gold that hold a sentence which none of the others
    holds: sentences that the generated reports have in common ("This improved its financial condition.") put
    strangers on such lists. Questions that cannot be answered have no gold.

    Args:
        folder: holds the documents and the questions.
        split: a language, `en` or `zh`; None asks the questions of all.
        name: what it is loaded as.

    Raises:
        UsageError: there is no such language.
        LoadError: the documents are missing or malformed.
    """
    documents_path = find_file(folder, *_DOCUMENTS) or folder / "docs.jsonl"
    questions_path = find_file(folder, *_QUESTIONS) or folder / "questions.jsonl"
    languages = dict(read_items(documents_path, lambda record: (_id(record["doc_id"]), record.get("language", ""))))
    chosen = choose_splits(name, sorted(set(languages.values()) - {""}), split)

    def documents() -> Iterator[Document]:
        return read_unique(documents_path, _document, key=lambda document: document.id)

    @cache
    def finders() -> dict[str, QuoteFinder]:
        return {document.id: QuoteFinder(document.text) for document in documents()}

    def questions() -> Iterator[Question]:
        known = finders()

        def convert(record: Record) -> tuple[str, Question]:
            return _language(record, languages), _question(record, known)

        for language, question in read_unique(questions_path, convert, key=lambda found: found[1].id):
            if split is None or language in chosen:
                yield question

    return Dataset(name, documents, questions, split=split or "", answers=AnswerLength.LONG, files=(documents_path,))


def _id(number: Any) -> str:
    return f"rageval/{number}"


def _language(record: Record, languages: dict[str, str]) -> str:
    """Return a question's language: where it states none, that of the first document it names."""
    stated: str = record.get("language") or ""
    return stated or next((languages.get(_id(number), "") for number in _flat(record)["gold_doc_ids"]), "")


def _document(record: Record) -> Document:
    lines = record["content"].split("\n")
    title = next((record[field] for field in _NAMES if record.get(field)), lines[0])
    builder = DocumentBuilder(_id(record["doc_id"]), title=title.replace("_", ", "))
    for line in lines:
        builder.paragraph(line)
    return builder.build()


def _question(record: Record, known: dict[str, QuoteFinder]) -> Question:
    record = _flat(record)
    kind = record["type"]
    ids = [_id(number) for number in record["gold_doc_ids"]]
    if missing := [id_ for id_ in ids if id_ not in known]:
        raise ValueError(f"the document {missing[0].removeprefix('rageval/')} is not in the corpus")
    answerable = not _says(kind, _UNANSWERABLE)
    quotes = [quote for quote in record["refs"] if clean(quote)] if answerable else []
    gold, mapped = _gold(ids if answerable else [], quotes, known, _COMPARED if _says(kind, _COMPARING) else 1)
    answer = clean(record["answer"])
    return Question(
        id=f"rageval#{record['id']}",
        text=clean(record["question"]),
        type=kind.removesuffix(" Question"),
        hops=max(len(gold), 1),
        gold=gold,
        references=(answer,) if answerable and answer else (),
        answerable=answerable,
        marked=len(quotes),
        mapped=mapped,
    )


def _flat(record: Record) -> Record:
    """Return a record of the published layout with the fields of the flat one."""
    if "ground_truth" not in record:
        return record
    query, truth = record["query"], record["ground_truth"]
    return {
        "id": query["query_id"],
        "type": query["query_type"],
        "question": query["content"],
        "answer": truth["content"],
        "gold_doc_ids": truth["doc_ids"],
        "refs": truth["references"],
    }


def _says(kind: str, words: tuple[str, ...]) -> bool:
    return any(word in kind.lower() for word in words)


def _gold(
    ids: list[str], quotes: list[str], known: dict[str, QuoteFinder], trusted: int
) -> tuple[tuple[Gold, ...], int]:
    """Return the gold documents with the places of the quotes in them, and how many quotes were found in any.

    A longer list of documents than `trusted` is cut to those that hold a quote which no other of them holds.
    """
    spans: dict[str, dict[Span, None]] = {id_: {} for id_ in ids}
    mapped = 0
    alone: set[str] = set()
    for quote in quotes:
        places = {id_: found for id_ in spans if (found := known[id_].find(quote))}
        mapped += bool(places)
        alone.update(places if len(places) == 1 else ())
        for id_, found in places.items():
            spans[id_].update(dict.fromkeys(found))
    kept = spans if len(spans) <= trusted or not alone else alone
    return tuple(Gold(id_, tuple(sorted(found))) for id_, found in spans.items() if id_ in kept), mapped
