"""HybridQA (Chen et al., 2020): questions that need a Wikipedia table and a passage that one of its cells links to.

Its tables and passages are WikiTables-WithLinks: `tables_tok/<id>.json` and `request_tok/<id>.json`. Most questions
presuppose their table ("the player with the second most yards"), so that searching all tables for it is harder than
what the published figures measure.
"""

from __future__ import annotations

from pathlib import Path

from odqa.data.datasets.ottqa import Crawl, has_questions, load_crawl
from odqa.data.datasets.types import Dataset
from odqa.errors import LoadError

_PLACES = ("WikiTables-WithLinks", ".")


def matches(folder: Path) -> bool:
    """Tell whether a folder holds HybridQA, by its folder of tables and its questions."""
    return _crawl(folder) is not None and has_questions(folder)


def load(folder: Path, split: str | None, *, name: str = "hybridqa") -> Dataset:
    """Open HybridQA in `folder`, the tables in it or in `WikiTables-WithLinks` inside it.

    Raises:
        UsageError: there is no such split.
        LoadError: there are no tables or no questions.
    """
    crawl = _crawl(folder)
    if crawl is None:
        remedy = "fetch WikiTables-WithLinks into it"
        raise LoadError(f"{folder}: there are no tables_tok and request_tok of HybridQA here", remedy)
    return load_crawl(folder, split, name, crawl)


def _crawl(folder: Path) -> Crawl | None:
    for place in (folder / name for name in _PLACES):
        tables, passages = place / "tables_tok", place / "request_tok"
        if tables.is_dir() and passages.is_dir():
            return Crawl("hybridqa", (tables,), (passages,))
    return None
