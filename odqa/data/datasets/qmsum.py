"""QMSum (Zhong et al., 2021): questions about meetings, each with the turns that answer it and a reference answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import regex

from odqa.data.builder import DocumentBuilder, clean
from odqa.data.datasets.files import Record, choose_splits, find_file, first_record, read_records
from odqa.data.datasets.types import Dataset, Gold, GoldSummary, Question
from odqa.schema import Document, Span

SPLITS = ("train", "val")
PUBLISHED = (*SPLITS, "test")

_MARKER = regex.compile(r"\{[^{}]*\}|\bvocalsound\b")  # `{disfmarker}`, `{gap}`, `{vocalsound}`.
_BEFORE_MARK = regex.compile(r"\s+(?=[,.;:?!](?:\s|$))")
_CONTRACTION = regex.compile(r"(?<=\p{L})\s+(?='(?:s|m|re|ve|ll|d)\b)|(?<=\p{L})\s+(?=n't\b)", regex.IGNORECASE)
_HESITATION = regex.compile(r"\b([Mm]+|[Uu]h)\s-\s(hmm|mm|huh|uh)\b")  # `Mm - hmm` is one word.
# Of the general queries, those that ask for a summary of all: 183 of 197. Not `What were the resolutions?`.
_WHOLE = regex.compile(
    r"^(?:summarize the (?:whole )?meeting|what[’']s the summary of the meeting)\W*$", regex.IGNORECASE
)
_LEADING_MARKS = regex.compile(r"^[\s,.;:?!-]+")


def matches(folder: Path) -> bool:
    """Tell whether a folder holds meetings."""
    return "meeting_transcripts" in first_record(find_file(folder, *PUBLISHED))


def load(folder: Path, split: str | None, *, name: str = "qmsum") -> Dataset:
    """Open QMSum in `folder`.

    Raises:
        UsageError: there is no such split.
    """
    there = [known for known in PUBLISHED if find_file(folder, known)] or SPLITS
    chosen = choose_splits(name, there, split)
    # A question of one split is asked of the documents of all, as far as they are there.
    paths = {known: find_file(folder, known) or folder / f"{known}.jsonl" for known in there}

    def documents() -> Iterator[Document]:
        for path in paths.values():
            yield from read_records(path, lambda record: _meeting(record)[0])

    def questions(splits: Sequence[str] = chosen) -> Iterator[Question]:
        for each in splits:
            for found in read_records(paths[each], _questions):
                yield from found

    def summaries() -> Iterator[GoldSummary]:
        for each in chosen:
            for found in read_records(paths[each], _summaries):
                yield from found

    training = None if "train" in chosen or "train" not in paths else partial(questions, SPLITS[:1])
    files = tuple(paths.values())
    return Dataset(name, documents, questions, split=split or "", training=training, files=files, summaries=summaries)


def utterance(content: str) -> str:
    """Return what was said as a person would write it, without marks of noises and with words joined again.

    `we 're {disfmarker} on .` becomes `we're on.`
    """
    said = clean(_MARKER.sub(" ", content))
    said = _CONTRACTION.sub("", _BEFORE_MARK.sub("", _HESITATION.sub(r"\1-\2", said)))
    # A mark whose words were only a noise is left over at the beginning.
    spoken: str = _LEADING_MARKS.sub("", said)
    return spoken


def _meeting(record: Record) -> tuple[Document, list[Span]]:
    """Return the document, and for each turn of the record its characters: empty where nothing was said."""
    meeting = record["meeting_id"]
    builder = DocumentBuilder(f"qmsum/{meeting}", title=f"Meeting {meeting}")
    turns = [(utterance(turn["content"]), turn["speaker"]) for turn in record["meeting_transcripts"]]
    for said, speaker in turns:
        builder.turn(said, speaker)
    document = builder.build()
    blocks = iter(document.blocks)
    spans: list[Span] = []
    for said, _ in turns:
        end = spans[-1].end if spans else 0
        spans.append(next(blocks).span if said else Span(end, end))
    return document, spans


def _questions(record: Record) -> list[Question]:
    document, turns = _meeting(record)

    def question(kind: str, number: int, query: dict[str, Any]) -> Question:
        ranges = query.get("relevant_text_span", [])
        found = (_range(turns, int(first), int(last)) for first, last in ranges)
        spans = tuple(span for span in found if span)
        gold = tuple(Gold(document.id, (span,)) for span in spans) or (Gold(document.id),)
        return Question(
            id=f"{document.id}#{kind}-{number}",
            text=clean(query["query"]),
            type=kind,
            hops=len(gold),
            gold=gold,
            references=(clean(query["answer"]),),
            marked=len(ranges),
            mapped=len(spans),
        )

    lists = (("general", "general_query_list"), ("specific", "specific_query_list"))
    return [question(kind, number, query) for kind, name in lists for number, query in enumerate(record[name])]


def _summaries(record: Record) -> list[GoldSummary]:
    """Return the answers to the queries that ask for a summary of the whole meeting, as one gold summary or none."""
    asked = [query for query in record["general_query_list"] if _WHOLE.match(clean(query["query"]))]
    texts = tuple(clean(query["answer"]) for query in asked)
    return [GoldSummary(f"qmsum/{record['meeting_id']}", texts)] if texts else []


def _range(turns: list[Span], first: int, last: int) -> Span | None:
    """Return the characters of the turns `first` to `last`, both included; None where nothing was said in them."""
    spoken = [span for span in turns[first : last + 1] if span.start < span.end]
    return Span(spoken[0].start, spoken[-1].end) if spoken else None
