"""ExpertQA (Malaviya et al., 2024): experts' questions, answers that they revised, and their judgement of evidence.

Revised answers are `{train,val,test}`, as published `lfqa/{rand,domain}_lfqa_{split}.json`, one record a line there
too. Systems' answers, claim by claim, are `{split}_claims`, as published `{rand,domain}_{split}.jsonl`, or all in one
as `r2_compiled….jsonl`; they hold revised answers as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import regex

from odqa.data.builder import DocumentBuilder, clean
from odqa.data.datasets import expertqa_pages
from odqa.data.datasets.files import Record, choose_splits, find_file, read_records
from odqa.data.datasets.types import AnswerLength, ClaimLabel, Dataset, LabelledClaim, Question, no_claims
from odqa.errors import LoadError
from odqa.schema import Document

SPLITS = ("train", "val", "test")

_WHOLE = (
    "r2_compiled_out_corrected_revised_atomic_w_evidences_factscores_anon",
    "r2_compiled_anon",
)
_UNSPLIT = "all"
_LABELS = {
    "Complete": ClaimLabel.SUPPORTED,
    "Partial": ClaimLabel.PARTIALLY_SUPPORTED,
    "Incomplete": ClaimLabel.NOT_SUPPORTED,
    "Missing": ClaimLabel.NOT_SUPPORTED,
}
_NUMBER = regex.compile(r"\s*\[\d{1,3}\](?:\([^()\s]*\))?")  # `[3]`, or `[3](https://…)`.


def matches(folder: Path) -> bool:
    """Tell whether a folder holds answers with judged claims, or revised answers by example."""
    answered, judged = _files(folder)
    return bool(answered or judged)


def load(folder: Path, split: str | None, *, name: str = "expertqa") -> Dataset:
    """Open ExpertQA in `folder`: questions without documents, and claims that bring their evidence.

    Where `name` ends in "-pages", what systems had cited are its documents; see `expertqa_pages`.

    Claims are left out that nobody could judge here: those without the text of their evidence (an address alone, or
    nothing) and those without a judgement (`N/A`). Of the 1,237 validation claims, these are 468 and another 28.

    Raises:
        UsageError: there is no such split.
        LoadError: there are no files of it.
    """
    answered, judged = _files(folder)
    if not answered and not judged:
        raise LoadError(f"{folder}: no questions of {name} here", "train.jsonl or r2_compiled_anon.jsonl is expected")
    asked = answered or judged
    splits = [known for known in SPLITS if known in asked or known in judged]
    chosen = [*choose_splits(name, splits, split), *([] if split else [_UNSPLIT])]

    def questions(splits: list[str] = chosen) -> Iterator[Question]:
        for each in splits:
            if each in asked:
                for number, question in enumerate(read_records(asked[each], _question)):
                    yield replace(question, id=f"expertqa/{each}-{number}")

    if name.endswith("-pages"):
        cited = {each: judged[each] for each in [*SPLITS, _UNSPLIT] if each in judged}
        return expertqa_pages.dataset(name, split, cited, questions, _LABELS)

    def claims() -> Iterator[LabelledClaim]:
        for each in chosen:
            if each in judged:
                for number, found in enumerate(read_records(judged[each], _claims)):
                    group = f"expertqa/{each}-{number}"
                    yield from (_grouped(claim, group) for claim in found)

    return Dataset(
        name,
        questions=questions,
        claims=claims if judged else no_claims,
        split=split or "",
        answers=AnswerLength.LONG,
        training=partial(questions, ["train"]) if "train" in asked and "train" not in chosen else None,
    )


def _files(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return the files of revised answers and those of judged claims, by split."""
    answered: dict[str, Path] = {}
    judged: dict[str, Path] = {}
    for root in (folder, folder / "lfqa", folder / "data", folder / "data" / "lfqa"):
        for split in SPLITS:
            for stem in (split, f"rand_lfqa_{split}", f"domain_lfqa_{split}"):
                if (path := find_file(root, stem)) and {"example_id", "question", "answer"} <= _fields(path):
                    answered.setdefault(split, path)
            for stem in (f"{split}_claims", f"rand_{split}", f"domain_{split}", split):
                if (path := find_file(root, stem)) and {"question", "answers", "annotator_id"} <= _fields(path):
                    judged.setdefault(split, path)
        if path := find_file(root, *_WHOLE):
            judged.setdefault(_UNSPLIT, path)
    return answered, judged


def _fields(path: Path) -> set[str]:
    """Return the fields of a file's first line, whatever the file's name ends in."""
    try:
        return set(next(read_records(path, lambda record: record), ()))
    except LoadError:
        return set()


def _question(record: Record) -> Question:
    systems = record["answers"].values() if "answers" in record else ()
    revised = [answer["revised_answer_string"] for answer in systems] if systems else [record["answer"]]
    metadata = record.get("metadata") or {}
    return Question(
        id="",
        text=clean(record["question"]),
        type=(metadata.get("question_type") or "expert").partition("|")[0],
        hops=1,
        gold=(),
        references=tuple(dict.fromkeys(_unmarked(answer) for answer in revised if answer and answer.strip())),
    )


def _claims(record: Record) -> list[LabelledClaim]:
    found: list[LabelledClaim] = []
    for system, answer in record["answers"].items():
        for number, claim in enumerate(answer["claims"] or ()):
            texts = [
                text
                for evidence in claim["evidence"] or ()
                if (text := expertqa_pages.ADDRESS.sub("", evidence).strip())
            ]
            label = _LABELS.get(claim["support"])
            if texts and label:
                id_ = f"{system}/{number}"
                found.append(LabelledClaim(id_, _unmarked(claim["claim_string"]), _evidence(id_, texts), label))
    return found


def _grouped(claim: LabelledClaim, group: str) -> LabelledClaim:
    id_ = f"{group}/{claim.id}"
    return replace(claim, id=id_, document=replace(claim.document, id=id_, source=id_), group=group)


def _evidence(id_: str, texts: list[str]) -> Document:
    builder = DocumentBuilder(id_, title="Evidence")
    for text in texts:
        for paragraph in text.split("\n\n"):
            builder.paragraph(paragraph)
    return builder.build()


def _unmarked(text: str) -> str:
    return clean(_NUMBER.sub("", text))
