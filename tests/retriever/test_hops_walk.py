"""Questions of several steps over a small collection: the evidence that only links lead to, and the way to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from odqa.data.builder import DocumentBuilder
from odqa.engine import Engine
from odqa.errors import ConfigError, UsageError
from odqa.retriever.fusion import LinearFusion
from odqa.retriever.hops.expand import load_fusion
from odqa.retriever.hops.features import NAMES
from odqa.retriever.hops.words import PassageWords
from odqa.schema import Document, Evidence, HopKind, LinkKind
from odqa.settings import Settings
from tests.towns import towns

SETTINGS = Settings(encoder="hashing", pooling=4)
QUESTION = "In which year was the engineer who designed the Linnet Viaduct born?"


def page(title: str, text: str, **metadata: str) -> Document:
    builder = DocumentBuilder(f"pages/{title}", title=title)
    builder.paragraph(text)
    return builder.build(metadata)


def table() -> Document:
    builder = DocumentBuilder("pages/Viaducts", title="Viaducts of the Marl valley")
    builder.heading("Viaducts of the Marl valley")
    rows = [["Viaduct", "Opened", "Engineer"], ["Linnet Viaduct", "1871", "Orla Fenwick"]]
    rows += [[f"Viaduct {n}", str(1850 + n), f"Engineer {n}"] for n in range(6)]
    builder.table(rows, links=[(1, 2, "pages/Orla Fenwick"), (1, 0, "pages/Linnet Viaduct")])
    return builder.build()


def documents() -> list[Document]:
    return [
        page("Linnet Viaduct", "The Linnet Viaduct crosses the Marl on nine arches. It was designed by Orla Fenwick."),
        page("Orla Fenwick", "Orla Fenwick was raised by an aunt. She came into the world in the winter of 1834."),
        page("Marl", "The Marl is a slow river. Barges went up it until the railway came.", kind="river"),
        page("Hartwell Prize", "Of all winners of the Hartwell Prize, only Orla Fenwick ever gave the money away."),
        table(),
        *towns(30, paragraphs=4),
    ]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    index = tmp_path_factory.mktemp("walk") / "w.odqa"
    with Engine.build(documents(), index, settings=SETTINGS) as engine:
        yield engine


def item(found: list[Evidence], title: str) -> Evidence:
    return next(each for each in found if each.document.title == title)


def titles(found: list[Evidence]) -> list[str]:
    """Return the documents that evidence is of, each once, best first."""
    return list(dict.fromkeys(each.document.title for each in found))


def test_a_page_that_shares_no_word_with_the_question_is_found_by_its_link(engine: Engine) -> None:
    assert {"Linnet Viaduct", "Orla Fenwick"} <= set(titles(engine.search(QUESTION, 12))[:3])
    assert "Orla Fenwick" not in titles(engine.search(QUESTION, 12, hops=1))[:3]


def test_the_path_names_the_words_that_lead_on(engine: Engine) -> None:
    found = engine.search(QUESTION, 12)
    path = item(found, "Orla Fenwick").path
    assert path[0].label == QUESTION
    assert path[-1].kind is HopKind.PASSAGE
    (link,) = [hop for hop in path if hop.kind is HopKind.LINK and hop.span is not None]
    assert link.label == "Orla Fenwick"
    assert link.link in (LinkKind.TITLE, LinkKind.CELL)
    source = engine.document(link.document_id)
    assert link.span is not None
    assert link.span.of(source.text) == "Orla Fenwick", "the characters that carry the link"
    assert [hop.document_id for hop in path if hop.kind is HopKind.PASSAGE][-1] == "pages/Orla Fenwick"


def test_paths_are_as_long_as_allowed_and_never_turn_back(engine: Engine) -> None:
    for hops in (1, 2, 3, 5):
        for found in engine.search(QUESTION, 20, hops=hops):
            reached = [hop.document_id + str(hop.span) for hop in found.path if hop.kind is HopKind.PASSAGE]
            assert len(reached) == len(set(reached))
            assert len(reached) <= hops


def test_scores_fall_and_their_parts_add_up(engine: Engine) -> None:
    found = engine.search(QUESTION, 10)
    scores = [each.score for each in found]
    assert scores == sorted(scores, reverse=True)
    for each in found:
        parts = [value for name, value in each.scores.items() if name.startswith("+")]
        if parts:
            assert each.score == pytest.approx(1 / (1 + np.exp(-sum(parts))), abs=1e-6)


def test_one_step_pays_nothing_and_changes_nothing(engine: Engine) -> None:
    question = "Why was the work of Carrow 22 delayed?"
    found = engine.find(question, 5)
    if found.trace.hops == 1:
        assert "hops" not in {stage.name for stage in found.trace.stages}
    plain = engine.find(question, 5, hops=1)
    assert plain.trace.why == "the settings allow one step"
    ranked = engine.retriever.rank(question, hops=1)
    assert not ranked.steps
    assert not ranked.features


def test_nothing_outside_the_documents_named_is_found(engine: Engine) -> None:
    inside = ["pages/Linnet Viaduct", "pages/Marl"]
    assert {each.document.id for each in engine.search(QUESTION, 10, within=inside)} <= set(inside)
    assert {each.document.id for each in engine.search(QUESTION, 10, where="kind = river")} == {"pages/Marl"}


def test_a_filter_that_nothing_fits_says_so(engine: Engine) -> None:
    found = engine.find(QUESTION, 5, where="kind = lake")
    assert found.evidence == ()
    answer = engine.ask(QUESTION, where="kind = lake")
    assert answer.refused
    assert "kind = lake" in answer.reason
    with pytest.raises(UsageError, match="hops"):
        engine.search(QUESTION, hops=0)


def test_removed_pages_are_led_to_no_more(tmp_path: Path) -> None:
    with Engine.build(documents(), tmp_path / "r.odqa", settings=SETTINGS) as engine:
        assert any(each.document.title == "Orla Fenwick" for each in engine.search(QUESTION, 12))
        engine.remove("pages/Orla Fenwick")
        assert all(each.document.title != "Orla Fenwick" for each in engine.search(QUESTION, 20))
        engine.add([page("Orla Fenwick", "Orla Fenwick came into the world in the winter of 1834.")])
        assert any(each.document.title == "Orla Fenwick" for each in engine.search(QUESTION, 12))


def test_threads_may_share_a_walker(engine: Engine) -> None:
    questions = [
        QUESTION,
        "Who designed the viaduct which crosses the Marl?",
        "Which river does the Linnet Viaduct cross?",
    ]
    expected = [[each.passage.span for each in engine.search(question, 8)] for question in questions]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda question: [e.passage.span for e in engine.search(question, 8)], questions * 6))
    assert found == expected * 6


def test_words_of_passages_are_those_of_their_text(engine: Engine) -> None:
    lexical = engine.retriever.derived.lexical
    words = PassageWords(engine.snapshot, lexical)
    passages = np.arange(0, int(engine.snapshot.first_passage[-1]), 3)
    terms = lexical.terms("engineer tramway born viaduct council nothing-of-this-kind")
    texts = engine.snapshot.passage_inputs(passages)
    expected = [[float(term in lexical.terms(text)) for term in terms] for text in texts]
    for _ in range(2):
        np.testing.assert_array_equal(words.held(passages, terms), expected)


def test_passage_inputs_are_those_of_the_parsed_documents(engine: Engine) -> None:
    snapshot = engine.snapshot
    expected = [
        parsed.passage_input(passage)
        for number in range(len(snapshot.ids))
        for parsed in [snapshot.parsed(number)]
        for passage in parsed.passages
    ]
    assert snapshot.passage_inputs(np.arange(len(expected))) == expected


def test_learned_weights_are_read_from_a_file(tmp_path: Path) -> None:
    assert set(load_fusion("builtin").weights) == set(NAMES)
    own = tmp_path / "w.json"
    own.write_text(json.dumps({"weights": {"dense": 1, "gain": 0.5}}), "utf-8")
    fusion = load_fusion(str(own))
    assert fusion.scores(["dense", "other", "gain"], np.array([[1.0, 9.0, 2.0]])).tolist() == [2.0]
    with Engine.build(documents()[:4], tmp_path / "f.odqa", settings=SETTINGS.replace(fusion=str(own))) as engine:
        assert engine.search(QUESTION, 3)


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"weights": {"dense": "x"}}', '{"weights": {"dance": 1}}', '{"weights": {"dense": NaN}}']
)
def test_a_file_that_holds_no_weights_is_named(tmp_path: Path, body: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(body, "utf-8")
    with pytest.raises(ConfigError, match=r"bad\.json"):
        load_fusion(str(path))


def test_parts_of_a_score_leave_out_what_adds_nothing() -> None:
    fusion = LinearFusion({"a": 2.0, "b": 0.0})
    assert fusion.parts(["a", "b", "c"], np.array([0.5, 1.0, 1.0])) == {"a": 1.0}
