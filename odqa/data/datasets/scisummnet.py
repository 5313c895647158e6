"""SciSummNet (Yasunaga et al., 2019): papers of the ACL Anthology, sentences that cite them, and human summaries.

A sentence that cites a paper (a citance) is the question, and the cited paper its gold document. Markers such as
`(Brants, 2000)` are taken out first: what is left has to find the paper by what it says.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import regex

from odqa.data.builder import DocumentBuilder, clean
from odqa.data.datasets.files import Record, choose_splits, find_file, read_unique
from odqa.data.datasets.types import AnswerLength, Dataset, Gold, GoldSummary, Question
from odqa.schema import Document

_YEAR = r"(?:19|20)\d\d\s?[a-f]?(?![\w])"
# A pair of brackets around a name and a year, or around numbers of a bibliography, or around years alone.
_MARKER = regex.compile(
    rf"\((?=[^()]*\p{{Lu}})[^()]*{_YEAR}[^()]*\)|\[(?=[^\[\]]*\p{{Lu}})[^\[\]]*{_YEAR}[^\[\]]*\]"
    rf"|[(\[]\s*{_YEAR}(?:\s*[,;]\s*{_YEAR})*\s*[)\]]|\[\s*\d{{1,3}}(?:\s*[,;–-]\s*\d{{1,3}})*\s*\]"
)
_WORD = regex.compile(r"\p{L}{2}")
_BEFORE_MARK = regex.compile(r"\s+(?=[,.;:?!])")


def matches(folder: Path) -> bool:
    """Tell whether a folder holds papers and citances."""
    return bool(find_file(folder, "papers") and find_file(folder, "citances"))


def load(folder: Path, split: str | None, *, name: str = "scisummnet") -> Dataset:
    """Open the papers and citances in `folder`.

    Raises:
        UsageError: a split is named; there are none.
    """
    choose_splits(name, (), split)
    papers = _file(folder, "papers")

    def documents() -> Iterator[Document]:
        return read_unique(papers, _paper, key=lambda document: document.id)

    return Dataset(
        name,
        documents,
        partial(citances, folder),
        answers=AnswerLength.NONE,
        files=(papers,),
        summaries=partial(gold_summaries, folder),
    )


def citances(folder: Path) -> Iterator[Question]:
    """Yield the citances as questions, without their citation markers.

    Raises:
        LoadError: a line is malformed, or a citance occurs twice.
    """
    return read_unique(_file(folder, "citances"), _question, key=lambda question: question.id)


def summaries(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each paper's document id and the summary that people wrote of it: its title, then its sentences.

    Raises:
        LoadError: a line is malformed.
    """

    def summary(record: Record) -> tuple[str, str]:
        return _id(record["id"]), clean(record["gold_summary"], keep_lines=True)

    return read_unique(_file(folder, "papers"), summary, key=lambda pair: pair[0])


def gold_summaries(folder: Path) -> Iterator[GoldSummary]:
    """Yield the summary that people wrote of each paper, apart from the title that stands above it.

    Raises:
        LoadError: a line is malformed.
    """
    for document_id, text in summaries(folder):
        title, _, rest = text.partition("\n")
        yield GoldSummary(document_id, (rest,), title) if rest.strip() else GoldSummary(document_id, (title,))


def strip_citations(text: str) -> str:
    """Return a citance without its citation markers: `(Brants, 2000)`, `[12]`, and the year of `Brants (2000)`.

    Names that are part of the sentence stay, as they do in the figures known for this task. They help: a paper cites
    its authors' earlier work, and BM25 over full text finds 7 % fewer papers in the first ten without them.
    """
    return clean(_BEFORE_MARK.sub("", _MARKER.sub(" ", html.unescape(text))))


def _file(folder: Path, stem: str) -> Path:
    return find_file(folder, stem) or folder / f"{stem}.jsonl"


def _id(paper: str) -> str:
    return f"scisummnet/{paper}"


def _paper(record: Record) -> Document:
    source = f"https://aclanthology.org/{record['id']}"
    builder = DocumentBuilder(_id(record["id"]), title=record["title"], source=source)
    builder.heading(record["title"])
    if record["abstract"]:
        builder.heading("Abstract", level=2)
        builder.paragraph(" ".join(record["abstract"]))
    for section in record["sections"]:
        builder.heading(section["title"], level=2)
        builder.paragraph(" ".join(section["sentences"]))
    return builder.build()


def _question(record: Record) -> Question:
    gold = Gold(_id(record["cited"]))
    # The corrected text finds the paper more often than the raw one, but was not made for every citance.
    text = clean(record.get("clean_text") or record["raw_text"])
    stripped = strip_citations(text)
    return Question(
        id=f"{gold.document_id}#{record['citance_No']}-{record['citing_paper_id']}",
        # Where a citance is nothing but its marker, there is nothing else to ask.
        text=stripped if _WORD.search(stripped) else text,
        type="citance",
        hops=1,
        gold=(gold,),
        references=(),
        marked=1,
        mapped=1,
    )
