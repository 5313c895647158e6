"""The demonstration: an example library about the harbour of an invented town, and three questions to ask it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from odqa.errors import LoadError

if TYPE_CHECKING:
    from odqa.protocols import ProgressCallback

QUESTIONS = (
    "Why was the second pier delayed?",
    "How much was actually spent on drilling and grouting the core of the breakwater?",
    "Which company insured the Kittiwake, and how much did it pay out for her loss?",
)
"""One that needs reasons from all over a report, one that needs a table, and one that the documents do not answer."""


def library() -> Path:
    """Return the folder with the example documents: of a checkout, or inside the installed package.

    Raises:
        LoadError: this installation came without them.
    """
    package = Path(__file__).resolve().parent
    for place in (package.parent / "examples" / "library", package / "examples" / "library"):
        if place.is_dir():
            return place
    raise LoadError("the example documents are not installed", "get them with the source of odqa, in examples/library")


def build(*, fresh: bool = False, progress: ProgressCallback | None = None) -> Path:
    """Index the library into the user's cache folder and return the index; one that is there is brought up to date.

    Args:
        fresh: delete what is there first.
        progress: called as the work goes on.

    Raises:
        OdqaError: the library is missing, or the index cannot be written.
    """
    from odqa import fs
    from odqa.index.files import cache_folder
    from odqa.index.update import write
    from odqa.settings import resolve

    documents = library()
    # One index for each place of the library: documents are known by their paths.
    name = hashlib.sha256(str(documents).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    index = cache_folder() / "demo" / f"harbour-{name}.odqa"
    if fresh:
        fs.remove_tree(index)
    write(index, resolve(), [documents], progress=progress, sync=True)
    return index
