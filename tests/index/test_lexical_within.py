"""A search inside documents finds the best passages inside them, whether these are few or nearly all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from odqa.engine import Engine
from odqa.index import lexical as lexical_module
from odqa.index.lexical import LexicalIndex
from odqa.settings import Settings
from tests.towns import towns

DOCUMENTS = 60
SETTINGS = Settings(encoder="hashing", pooling=4)
QUESTIONS = ("the tramway and the flood", "why was the engineer of Carrow 2 delayed", "dinner", "zeppelin")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine.build(towns(DOCUMENTS), tmp_path_factory.mktemp("within") / "t.odqa", settings=SETTINGS) as engine:
        engine.remove("towns/0007.txt")
        yield engine


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["filter", "name"])
def test_both_ways_find_what_a_search_everywhere_finds_there(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    monkeypatch.setattr(lexical_module, "_SMALL_SHARE", share)
    monkeypatch.setattr(lexical_module, "_SLACK", 0.01)  # So that a first look is never deep enough.
    lexical, first = engine.retriever.derived.lexical, engine.snapshot.first_passage
    assert isinstance(lexical, LexicalIndex)
    rng = np.random.default_rng(0)
    live = np.flatnonzero(engine.snapshot.live)
    for question in QUESTIONS:
        everywhere, scores = lexical.passages(question, int(first[-1]))
        owners = np.searchsorted(first, everywhere, side="right") - 1
        for count in (1, 7, 40, len(live)):
            within = rng.permutation(live)[:count].tolist()
            for limit in (1, 5, 10_000):
                inside = np.isin(owners, within)
                found, found_scores = lexical.passages(question, limit, within)
                np.testing.assert_allclose(found_scores, scores[inside][:limit], rtol=1e-6)
                if limit > inside.sum():
                    assert set(found.tolist()) == set(everywhere[inside].tolist())


def test_order_and_repetition_of_the_documents_do_not_matter(engine: Engine) -> None:
    lexical = engine.retriever.derived.lexical
    one, other = (
        lexical.passages("tramway flood", 50, [3, 9, 5]),
        lexical.passages("tramway flood", 50, [9, 9, 5, 3, 3]),
    )
    np.testing.assert_array_equal(one[0], other[0])
