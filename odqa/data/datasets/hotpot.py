"""HotpotQA (Yang et al., 2018): questions that need two Wikipedia paragraphs, with the sentences that answer them.

Two layouts: a corpus of its own (`corpus`: title, sentences) beside `questions`, or the published files, where every
question brings its paragraphs (`context`); the corpus is then every distinct paragraph of all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path

from odqa.data.builder import DocumentBuilder, clean
from odqa.data.datasets.files import (
    DistinctNames,
    Record,
    find_file,
    find_splits,
    first_record,
    open_splits,
    read_items,
    read_unique,
)
from odqa.data.datasets.types import AnswerLength, Dataset, Gold, Question
from odqa.schema import Document, Span

STEMS = {
    "train": ("hotpot_train_v1.1", "hotpot_train_v1"),
    "dev": ("hotpot_dev_distractor_v1", "hotpot_dev_fullwiki_v1"),
}
QUESTIONS = {"dev": ("questions",)}


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of a page, in sentences as published."""

    title: str
    sentences: tuple[str, ...]

    @cached_property
    def text(self) -> str:
        """The canonical text: the sentences with the blanks between them that the paragraph had."""
        # HotpotQA keeps a sentence's leading blank, and has none where the page has none; 2WikiMultihopQA strips them.
        kept = any(sentence[:1].isspace() for sentence in self.sentences[1:])
        return clean(("" if kept else " ").join(self.sentences))

    @property
    def spans(self) -> tuple[Span | None, ...]:
        """The characters of each sentence in `text`; None where nothing of it is left."""
        text, place = self.text, 0
        spans: list[Span | None] = []
        for sentence in map(clean, self.sentences):
            start = text.find(sentence, place) if sentence else -1
            spans.append(Span(start, start + len(sentence)) if start >= 0 else None)
            place = max(place, start + len(sentence)) if start >= 0 else place
        return tuple(spans)


class Paragraphs:
    """Which document holds a paragraph, and where its sentences are.

    Args:
        prefix: what the ids of the documents begin with.
        paragraphs: all that the corpus has, repeated or not, in its order.
    """

    def __init__(self, prefix: str, paragraphs: Iterator[Paragraph]) -> None:
        self._prefix = prefix
        self._names = DistinctNames()
        self._by_title: dict[str, list[str]] = {}
        self._spans: dict[str, tuple[Span | None, ...]] = {}
        for id_, paragraph in distinct(prefix, paragraphs, self._names):
            self._by_title.setdefault(paragraph.title, []).append(id_)
            self._spans[id_] = paragraph.spans

    def spans(self, id_: str) -> tuple[Span | None, ...]:
        """Return the characters of each sentence of a document."""
        return self._spans[id_]

    def find(self, paragraph: Paragraph) -> str | None:
        """Return the id of the document that is this paragraph; None where the corpus lacks it."""
        return self._names.get(f"{self._prefix}/{clean(paragraph.title)}", paragraph.text)

    def titled(self, title: str) -> list[str]:
        """Return the ids of the documents of a title."""
        return self._by_title.get(title, [])


def distinct(prefix: str, paragraphs: Iterator[Paragraph], names: DistinctNames) -> Iterator[tuple[str, Paragraph]]:
    """Yield each paragraph that has text once, with the id of its document: `prefix/title`, or `prefix/title#2`."""
    for paragraph in paragraphs:
        text = paragraph.text
        id_ = names.add(f"{prefix}/{clean(paragraph.title)}", text) if text else None
        if id_ is not None:
            yield id_, paragraph


def documents(prefix: str, paragraphs: Iterator[Paragraph]) -> Iterator[Document]:
    """Yield a document for each distinct paragraph."""
    for id_, paragraph in distinct(prefix, paragraphs, DistinctNames()):
        builder = DocumentBuilder(id_, title=paragraph.title)
        builder.paragraph(paragraph.text)
        yield builder.build()


def matches(folder: Path) -> bool:
    """Tell whether a folder holds HotpotQA, by the names of its files or its corpus of sentences."""
    if any(find_file(folder, *stems) for stems in STEMS.values()):
        return True
    return bool(find_file(folder, "questions")) and "sentences" in first_record(find_file(folder, "corpus"))


def load(folder: Path, split: str | None, *, name: str = "hotpot") -> Dataset:
    """Open HotpotQA in `folder`.

    Where the development questions are there with distractors and with retrieved paragraphs, those with distractors
    are asked, and both files' paragraphs are the corpus.

    Raises:
        UsageError: there is no such split.
        LoadError: there are no files of it.
    """
    corpus = find_file(folder, "corpus")
    paths = find_splits(folder, name, QUESTIONS if corpus else STEMS)
    given = {find_file(folder, stem) for stems in STEMS.values() for stem in stems}
    files = [corpus] if corpus else sorted({path for path in given if path} | set(paths.values()))
    return load_contexts(name, paths, split, files, prefix="hotpot", has_corpus=corpus is not None)


def load_contexts(
    name: str,
    paths: dict[str, Path],
    split: str | None,
    files: Sequence[Path],
    *,
    prefix: str,
    has_corpus: bool = False,
) -> Dataset:
    """Open questions with paragraphs and supporting sentences, in the format that HotpotQA made common.

    Args:
        name: what it is loaded as.
        paths: the file of each split.
        split: the split to ask; None asks all.
        files: what the paragraphs are read from.
        prefix: what the ids of the documents begin with.
        has_corpus: the files are paragraphs, rather than questions with theirs.

    Raises:
        UsageError: there is no such split.
    """
    convert = _own_paragraph if has_corpus else context

    def paragraphs() -> Iterator[Paragraph]:
        for path in files:
            for found in read_items(path, convert):
                yield from found

    @cache
    def known() -> Paragraphs:
        return Paragraphs(prefix, paragraphs())

    def questions(path: Path) -> Iterator[Question]:
        return read_unique(path, partial(_question, known()), key=lambda question: question.id)

    return open_splits(
        name,
        paths,
        split,
        documents=lambda: documents(prefix, paragraphs()),
        questions=questions,
        answers=AnswerLength.SHORT,
        files=files,
    )


def context(record: Record) -> list[Paragraph]:
    """Return the paragraphs that a question brings."""
    return [Paragraph(title, tuple(sentences)) for title, sentences in record["context"]]


def _own_paragraph(record: Record) -> list[Paragraph]:
    return [Paragraph(record["title"], tuple(record["sentences"]))]


def _question(known: Paragraphs, record: Record) -> Question:
    own = context(record) if "context" in record else []
    facts: dict[str, list[int]] = {}
    for title, sentence in record.get("supporting_facts") or []:
        if sentence not in facts.setdefault(title, []):
            facts[title].append(sentence)
    gold: list[Gold] = []
    for title, sentences in facts.items():
        candidates = [known.find(each) for each in own if each.title == title]
        if found := [id_ for id_ in candidates if id_] or known.titled(title):
            # Several paragraphs of one title: the sentences that are named exist in the one that is meant.
            id_ = max(found, key=lambda each: len(_supporting(known, each, sentences)))
            gold.append(Gold(id_, tuple(sorted(_supporting(known, id_, sentences)))))
    answer = record.get("answer")
    return Question(
        id=str(record["_id"] if "_id" in record else record["id"]),
        text=clean(record["question"]),
        type=record.get("type") or "unlabelled",
        hops=max(len(facts), 1),
        gold=tuple(gold),
        references=(clean(answer),) if answer else (),
        marked=sum(map(len, facts.values())),
        mapped=sum(len(each.spans) for each in gold),
    )


def _supporting(known: Paragraphs, id_: str, sentences: list[int]) -> list[Span]:
    spans = known.spans(id_)
    return [span for number in sentences if 0 <= number < len(spans) and (span := spans[number])]
