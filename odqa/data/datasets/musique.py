"""MuSiQue (Trivedi et al., 2022): questions composed of two to four single-hop ones, each with its paragraph.

Two layouts: a corpus of its own (`corpus`: title, text) beside `questions`, or the published files, where every
question brings 20 paragraphs; the corpus is then every distinct paragraph of all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

from odqa.data.builder import clean
from odqa.data.datasets.files import Record, find_file, find_splits, first_record, open_splits, read_items, read_unique
from odqa.data.datasets.hotpot import QUESTIONS, Paragraph, Paragraphs, documents
from odqa.data.datasets.types import AnswerLength, Dataset, Gold, Question

SPLITS = ("train", "dev")


def matches(folder: Path) -> bool:
    """Tell whether a folder holds MuSiQue, by the names of its files or the parts of its questions."""
    if any(find_file(folder, *stems) for stems in _stems("musique").values()):
        return True
    return "question_decomposition" in first_record(find_file(folder, "questions"))


def load(folder: Path, split: str | None, *, name: str = "musique") -> Dataset:
    """Open MuSiQue in `folder`: the answerable questions, or all where `name` ends in "full" or only those are there.

    The full set asks every question again without one of its supporting paragraphs, and marks it as unanswerable.
    That holds for the 20 paragraphs it comes with; in the corpus of all, what was taken out may be there.

    Raises:
        UsageError: there is no such split.
        LoadError: there are no files of it.
    """
    corpus = find_file(folder, "corpus")
    paths = find_splits(folder, name, QUESTIONS if find_file(folder, "questions") else _stems(name))
    files = [corpus] if corpus else list(paths.values())
    convert = _own_paragraph if corpus else _paragraphs

    def paragraphs() -> Iterator[Paragraph]:
        for path in files:
            for found in read_items(path, convert):
                yield from found

    @cache
    def known() -> Paragraphs:
        return Paragraphs("musique", paragraphs())

    def questions(path: Path) -> Iterator[Question]:
        return read_unique(path, partial(_question, known()), key=lambda question: question.id)

    return open_splits(
        name,
        paths,
        split,
        documents=lambda: documents("musique", paragraphs()),
        questions=questions,
        answers=AnswerLength.SHORT,
        files=files,
    )


def _stems(name: str) -> dict[str, tuple[str, ...]]:
    kinds = ("full", "ans") if name.endswith("full") else ("ans", "full")
    return {split: tuple(f"musique_{kind}_v1.0_{split}" for kind in kinds) for split in SPLITS}


def _own_paragraph(record: Record) -> list[Paragraph]:
    return [Paragraph(record["title"], (record["text"],))]


def _paragraphs(record: Record) -> list[Paragraph]:
    return [Paragraph(each["title"], (each["paragraph_text"],)) for each in record["paragraphs"]]


def _question(known: Paragraphs, record: Record) -> Question:
    answerable = record.get("answerable", True)
    steps = record.get("question_decomposition") or []
    named = [step.get("paragraph_support_idx") for step in steps]
    supporting = dict.fromkeys(number for number in named if number is not None)
    marked = [each for each in record["paragraphs"] if each["idx"] in supporting or each.get("is_supporting")]
    found = [known.find(paragraph) for paragraph in _paragraphs({"paragraphs": marked})]
    gold = tuple(Gold(id_, tuple(span for span in known.spans(id_) if span)) for id_ in found if id_)
    kind = record["id"].partition("__")[0]  # `3hop1`: three steps, the first shape that such questions have.
    answers = [record["answer"], *record.get("answer_aliases", [])] if answerable and "answer" in record else []
    return Question(
        # The full set gives a question and its unanswerable twin the same id.
        id=record["id"] if answerable else f"{record['id']}#unanswerable",
        text=clean(record["question"]),
        type=kind,
        hops=int(kind.partition("hop")[0]),
        gold=gold if answerable else (),
        references=tuple(dict.fromkeys(map(clean, answers))),
        answerable=answerable,
        marked=len(marked) if answerable else 0,
        mapped=len(gold) if answerable else 0,
    )
