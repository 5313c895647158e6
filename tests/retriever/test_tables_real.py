"""Table operations on TAT-QA: most of what is shown is right, and all of it follows from its cells."""

from __future__ import annotations

import re
from itertools import islice

import pytest

from odqa.data.datasets import data_folder, load_dataset
from odqa.errors import LoadError
from odqa.retriever.tables import calculate, recompute, views
from odqa.schema import Calculation

pytestmark = pytest.mark.data

CONTEXTS = 60


def is_right(calculation: Calculation, reference: str) -> bool:
    """Tell whether a calculation gives the number of a reference, to the two decimal places of the data."""
    number = re.match(r"-?[\d.]+", reference)
    if isinstance(calculation.value, str) or number is None:
        return False
    return abs(round(calculation.value, 2) - float(number.group())) <= 0.011


def test_most_of_what_is_shown_is_right_and_all_of_it_follows() -> None:
    try:
        folder = data_folder()
    except LoadError as error:
        pytest.skip(str(error))
    if not (folder / "tatqa").is_dir():
        pytest.skip(f"no folder tatqa in {folder}")
    data = load_dataset("tatqa", data=folder, split="dev")
    documents = {document.id: document for document in islice(data.documents(), CONTEXTS)}
    asked = shown = right = 0
    for question in data.questions():
        document = documents.get(question.gold[0].document_id)
        if document is None or question.type not in ("arithmetic/table", "count/table"):
            continue
        asked += 1
        found = [each for view in views(document) for each in calculate(question.text, view)]
        assert all(recompute(each, document) for each in found), question.text
        if found:
            shown += 1
            right += is_right(max(found, key=lambda each: each.confidence), question.references[0])
    assert asked > 80
    assert shown > asked / 2
    assert right >= 0.8 * shown
