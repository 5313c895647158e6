"""SQuALITY (Wang et al., 2022): questions about long short stories, each with four references of about 240 words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

from odqa.data.builder import DocumentBuilder, clean
from odqa.data.datasets.files import Record, choose_splits, find_file, first_record, read_records
from odqa.data.datasets.types import Dataset, Gold, GoldSummary, Question
from odqa.schema import Document

SPLITS = ("train", "dev")
PUBLISHED = (*SPLITS, "test")

_FRONT_LINES = 14  # Lines that are not empty among which title and author stand.
_PRODUCED = re.compile(r"\s*Produced by .*?(?:pgdp\.net|\n\s*\n)", re.DOTALL | re.IGNORECASE)
_NOTE = re.compile(r"\[Transcriber's Notes?:.*?\]", re.DOTALL | re.IGNORECASE)
_GUTENBERG = re.compile(r"^\s*\*\*\*.*\*\*\*\s*$", re.MULTILINE)
_AUTHOR = re.compile(r"^by\b\s*(.{0,50})$", re.IGNORECASE)
_ILLUSTRATOR = re.compile(r"^illustrat(?:ed by|ions? by|or)\b.{0,50}$", re.IGNORECASE)
_PART = re.compile(r"^(?:[IVX]{1,5}|\d{1,2}|(?:chapter|part)\s+\w+)\.?$", re.IGNORECASE)
_THE_END = re.compile(r"^the end\.?$", re.IGNORECASE)
_ENDS = re.compile(r"[.!?…\"”'’—]$")
_BEGINS = re.compile(r"[\"“'‘]?[A-Z]")
# Italics were cut out into lines or blanks of their own: `the Chronicle , folded`, `" Goldbricks! "`.
_BEFORE_MARK = re.compile(r"(?<=\w) +(?=[,;:!?.](?:[\s\"”]|$))")
_OPENING_BLANK = re.compile(r"(^|(?<=[\s(—]))([\"“]) +(?=\w)")
_WRAPPED = 90  # Characters that lines stay within where the text is hard-wrapped.
_TITLE = 60  # Characters of the longest title; a longer first line is a teaser.


def matches(folder: Path) -> bool:
    """Tell whether a folder holds stories with questions."""
    return {"metadata", "document", "questions"} <= first_record(find_file(folder, *PUBLISHED)).keys()


def load(folder: Path, split: str | None, *, name: str = "squality") -> Dataset:
    """Open SQuALITY in `folder`.

    Raises:
        UsageError: there is no such split.
    """
    there = [known for known in PUBLISHED if find_file(folder, known)] or SPLITS
    chosen = choose_splits(name, there, split)
    # A question of one split is asked of the documents of all, as far as they are there.
    paths = {known: find_file(folder, known) or folder / f"{known}.jsonl" for known in there}

    def documents() -> Iterator[Document]:
        for path in paths.values():
            yield from read_records(path, _story)

    def questions(splits: Sequence[str] = chosen) -> Iterator[Question]:
        for each in splits:
            for found in read_records(paths[each], _questions):
                yield from found

    def summaries() -> Iterator[GoldSummary]:
        # What happens in a story is its summary, and one question of each asks for that.
        for question in questions():
            if question.type == "plot":
                yield GoldSummary(question.gold[0].document_id, question.references)

    training = None if "train" in chosen or "train" not in paths else partial(questions, SPLITS[:1])
    files = tuple(paths.values())
    return Dataset(name, documents, questions, split=split or "", training=training, files=files, summaries=summaries)


def _story(record: Record) -> Document:
    number = record["metadata"]["passage_id"]
    text = _GUTENBERG.sub("", _NOTE.sub("\n\n", _PRODUCED.sub("", record["document"], count=1)))
    title, author, lines = _front(text.split("\n"))
    source = f"https://www.gutenberg.org/ebooks/{number}"
    builder = DocumentBuilder(f"squality/{number}", title=title, source=source)
    builder.heading(title)
    for paragraph in _paragraphs(lines):
        if _PART.match(paragraph):
            builder.heading(paragraph, level=2)
        elif not _THE_END.match(paragraph):
            builder.paragraph(paragraph)
    return builder.build({"author": author} if author else None)


def _front(lines: list[str]) -> tuple[str, str, list[str]]:
    """Take title, author and illustrator out of the first lines; what remains is the story and its teaser."""
    front = [number for number, line in enumerate(lines) if line.strip()][:_FRONT_LINES]
    if not front:
        return "", "", lines
    first = clean(lines[front[0]])
    title, author, taken = front[0], "", set[int]()
    for place, number in enumerate(front):
        line = clean(lines[number])
        if _ILLUSTRATOR.match(line):
            taken.add(number)
        elif not author and place and (match := _AUTHOR.match(line)):
            name = number if match[1] else front[min(place + 1, len(front) - 1)]
            author = clean(match[1] or lines[name])
            taken |= {number, name}
            if len(first) > _TITLE:
                title = front[place - 1]
    taken.add(title)
    return clean(lines[title]), author, [line for number, line in enumerate(lines) if number not in taken]


def _paragraphs(lines: list[str]) -> Iterator[str]:
    """Yield the paragraphs of text that is hard-wrapped, or not: an empty line always divides them."""
    filled = [line for line in lines if line.strip()]
    wrapped = sum(len(line) > _WRAPPED for line in filled) < len(filled) / 20
    paragraph = ""
    for line, following in pairwise([*(clean(line) for line in lines), ""]):
        # A part's number may follow the last line of the part before, but not the next of its own.
        divides = not following if _PART.match(line) else not wrapped and _BEGINS.match(line)
        if paragraph and (not line or (divides and _ENDS.search(paragraph))):
            yield _repaired(paragraph)
            paragraph = ""
        paragraph = f"{paragraph} {line}".strip()
    if paragraph:
        yield _repaired(paragraph)


def _repaired(paragraph: str) -> str:
    return _OPENING_BLANK.sub(r"\1\2", _BEFORE_MARK.sub("", paragraph))


def _questions(record: Record) -> list[Question]:
    document = f"squality/{record['metadata']['passage_id']}"
    return [
        Question(
            id=f"{document}#{question['question_number']}",
            text=clean(question["question_text"]),
            type=_type(question["question_text"]),
            hops=1,
            gold=(Gold(document),),
            references=tuple(clean(response["response_text"]) for response in question["responses"]),
            marked=1,
            mapped=1,
        )
        for question in record["questions"]
    ]


def _type(question: str) -> str:
    lowered = question.lower()
    if "what is the plot" in lowered:
        return "plot"
    return "setting" if "setting" in lowered and not lowered.startswith("how") else "specific"
