"""WiCE (Kamoi et al., 2023): sentences of Wikipedia, the pages they cite, and whether these support them.

Published as `entailment_retrieval/claim/{train,dev,test}.jsonl`, and `…/subclaim/…` with the parts of the claims.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from odqa.data.builder import DocumentBuilder, clean
from odqa.data.datasets.files import Record, choose_splits, find_file, first_record, read_unique
from odqa.data.datasets.types import AnswerLength, ClaimLabel, Dataset, LabelledClaim
from odqa.schema import Document, Span

SPLITS = ("train", "dev", "test")

_FOLDERS = (".", "claim", "entailment_retrieval/claim", "data/entailment_retrieval/claim")
_META = "(meta data) "
_TITLE = "TITLE:"
_DEEPEST = 6


def matches(folder: Path) -> bool:
    """Tell whether a folder, or the folder of claims in it, holds claims with sentences that support them."""
    paths = (find_file(folder / part, *SPLITS) for part in _FOLDERS)
    return "supporting_sentences" in first_record(next((path for path in paths if path), None))


def load(folder: Path, split: str | None, *, name: str = "wice") -> Dataset:
    """Open WiCE in `folder`: claims to judge and the pages to judge them by; it asks no questions.

    Raises:
        UsageError: there is no such split.
    """
    root = next((folder / part for part in _FOLDERS if find_file(folder / part, *SPLITS)), folder)
    there = [known for known in SPLITS if find_file(root, known)]
    paths = [find_file(root, each) or root / f"{each}.jsonl" for each in choose_splits(name, there or SPLITS, split)]

    def claims() -> Iterator[LabelledClaim]:
        seen: set[str] = set()
        for path in paths:
            yield from read_unique(path, _claim, key=lambda claim: claim.id, seen=seen)

    def documents() -> Iterator[Document]:
        seen: set[str] = set()
        for claim in claims():
            # The parts of a claim are judged by the same page.
            if claim.document.id not in seen:
                seen.add(claim.document.id)
                yield claim.document

    return Dataset(name, documents, claims=claims, split=split or "", answers=AnswerLength.NONE, files=tuple(paths))


def _claim(record: Record) -> LabelledClaim:
    meta = record["meta"]
    document, spans = _page(f"wice/{meta['id'].partition('-')[0]}", record["evidence"])
    numbers = dict.fromkeys(number for sentences in record["supporting_sentences"] for number in sentences)
    if wrong := [number for number in numbers if not 0 <= number < len(spans)]:
        raise ValueError(f"supporting sentence {wrong[0]} is none of the {len(spans)} there are")
    return LabelledClaim(
        id=f"wice/{meta['id']}",
        text=clean(record["claim"]),
        document=document,
        label=ClaimLabel(record["label"]),
        spans=tuple(dict.fromkeys(span for number in numbers if (span := spans[number]))),
        group=meta.get("claim_title") or meta["id"],
    )


def _page(id_: str, lines: list[str]) -> tuple[Document, list[Span | None]]:
    """Return a cited page as a document, and the characters of each line; None for one without text."""
    builder = DocumentBuilder(id_)
    filled: list[bool] = []
    for line in lines:
        meta = line.removeprefix(_META)
        marks = len(line) - len(line.lstrip("#"))
        is_title = line.startswith(_META + _TITLE)
        text = clean(meta.removeprefix(_TITLE) if is_title else line[marks:] if marks else meta)
        filled.append(bool(text))
        if is_title and not builder.title:
            builder.title = text
        if is_title or 0 < marks <= _DEEPEST:
            builder.heading(text, max(marks, 1))
        else:
            builder.paragraph(text)
    document = builder.build()
    blocks = iter(document.blocks)
    return document, [next(blocks).span if has_text else None for has_text in filled]
