import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice

import pytest

from odqa.data.datasets import Dataset, data_folder, load_dataset
from odqa.data.passages import parse
from odqa.errors import LoadError
from odqa.schema import BlockKind

pytestmark = pytest.mark.data


def dataset(name: str, split: str) -> Dataset:
    try:
        folder = data_folder()
    except LoadError as error:
        pytest.skip(str(error))
    if not (folder / name).is_dir():
        pytest.skip(f"no folder {name} in {folder}")
    return load_dataset(name, data=folder, split=split)


def count(texts: Sequence[str]) -> list[int]:
    return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]


def test_squality_dev_is_whole() -> None:
    stories = dataset("squality", "dev")
    documents = {document.id: document for document in stories.documents()}
    questions = list(stories.questions())
    assert (len(documents), len(questions)) == (75, 125)
    assert stories.training is not None
    assert len(list(stories.training())) == 250
    assert Counter(question.type for question in questions)["plot"] == 25
    assert all(len(question.references) == 4 for question in questions)
    assert len({gold.document_id for question in questions for gold in question.gold} & set(documents)) == 25
    for document in documents.values():
        assert 2 < len(document.title) < 60
        assert "Transcriber" not in document.text
        assert sum(block.kind is BlockKind.PARAGRAPH for block in document.blocks) > 50


def test_qmsum_val_gold_lies_on_whole_turns() -> None:
    meetings = dataset("qmsum", "val")
    documents = {document.id: document for document in meetings.documents()}
    questions = list(meetings.questions())
    assert len(documents) == 162 + 35
    for document in documents.values():
        assert "{" not in document.text
    specific = [question for question in questions if question.type == "specific"]
    assert len(specific) > 200
    for question in specific:
        assert question.mapped == question.marked == len(question.gold)
        for gold in question.gold:
            blocks = documents[gold.document_id].blocks
            assert gold.spans
            assert {span.start for span in gold.spans} <= {block.span.start for block in blocks}
            assert {span.end for span in gold.spans} <= {block.span.end for block in blocks}


@pytest.mark.parametrize(("name", "split"), [("squality", "dev"), ("qmsum", "val")])
def test_real_passages_are_well_filled(name: str, split: str) -> None:
    sizes: list[int] = []
    for document in islice(dataset(name, split).documents(), 6):
        parsed = parse(document, count)
        assert len(parsed.sections) > 1
        sizes += count([parsed.passage_text(passage) for passage in parsed.passages])
    assert max(sizes) <= 128
    assert sum(sizes) / len(sizes) > 96
    assert sum(size < 32 for size in sizes) < len(sizes) / 50
