"""The systems that summaries are compared with are what their names say."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odqa.data.datasets import data_folder, load_dataset
from odqa.data.datasets.types import GoldSummary
from odqa.errors import LoadError
from odqa.evaluate.summaries import centrality
from odqa.evaluate.summaries.centrality import lexrank, textrank
from odqa.evaluate.summaries.oracle import oracle
from odqa.evaluate.summaries.search import _nearest
from odqa.evaluate.summaries.systems import first_words, fit, statements_text
from odqa.evaluate.text import rouge, word_count
from odqa.schema import FieldKind, Span, Statement, StructuredSummary, SummaryField
from tests.towns import town

for module in ("rouge_score", "sumy"):
    pytest.importorskip(module)

TEXT = [line for line in re.split(r"(?<=\.)\s+", " ".join(town(3, paragraphs=9).text.split())) if line]
WORDS = st.lists(st.sampled_from("a river flood ran under the old bridge and took it 7 away".split()), max_size=8)
SENTENCES = st.lists(WORDS.map(" ".join).filter(bool), min_size=1, max_size=9)


def of_sumy(name: str, sentences: list[str]) -> list[int]:
    """Rank by sumy as it comes, but for the words, which its own tokenizer downloads data for."""
    from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence
    from sumy.nlp.stemmers import Stemmer
    from sumy.summarizers.lex_rank import LexRankSummarizer
    from sumy.summarizers.text_rank import TextRankSummarizer
    from sumy.utils import get_stop_words

    summarizer = {"lexrank": LexRankSummarizer, "textrank": TextRankSummarizer}[name](Stemmer("english"))
    summarizer.stop_words = get_stop_words("english")
    tokenizer, order = centrality._Tokenizer(), []
    document = ObjectDocumentModel([Paragraph([Sentence(text, tokenizer) for text in sentences])])
    summarizer(document, lambda rated: [order.append((info.rating, info.order)) for info in rated] and rated)
    return order


@pytest.mark.parametrize(("name", "ranker"), [("lexrank", lexrank), ("textrank", textrank)])
def test_ranks_are_those_of_sumy(name: str, ranker: type) -> None:
    assert ranker()(TEXT) == [place for _, place in of_sumy(name, TEXT)]
    assert ranker()(TEXT) != list(range(len(TEXT)))


@settings(max_examples=30, deadline=None)
@given(SENTENCES)
def test_matrices_are_those_of_sumy(sentences: list[str]) -> None:
    from sumy.summarizers.lex_rank import LexRankSummarizer
    from sumy.summarizers.text_rank import TextRankSummarizer

    from odqa.evaluate.summaries.centrality import lexrank_matrix, textrank_matrix

    words = [text.split() for text in sentences]
    theirs = LexRankSummarizer()
    tf, idf = theirs._compute_tf(words), theirs._compute_idf(words)
    assert centrality._sentence_idf(words) == pytest.approx(idf)
    expected = theirs._create_matrix(words, theirs.threshold, tf, idf)
    np.testing.assert_allclose(lexrank_matrix(words, theirs.threshold, tf, idf), expected, atol=1e-12)

    class Document:
        def __init__(self) -> None:
            self.sentences = [type("S", (), {"words": some})() for some in words]

    ranks = TextRankSummarizer()
    mine = textrank_matrix(words, ranks.damping, ranks._ZERO_DIVISION_PREVENTION)
    np.testing.assert_allclose(mine, ranks._create_matrix(Document()), atol=1e-12)


@pytest.mark.parametrize("ranker", [lexrank, textrank])
def test_texts_that_give_no_hold_are_taken_as_they_come(ranker: type) -> None:
    rank = ranker()
    assert rank([]) == []
    assert rank(["Bells ring.", "Fog falls."]) == [0, 1]
    assert rank(["the of and", "12 34", "!!!"]) == [0, 1, 2]
    assert sorted(rank(["Bells ring.", "Bells ring.", "Fog falls at sea."])) == [0, 1, 2]
    assert sorted(ranker("")(TEXT)) == list(range(len(TEXT)))  # a language that sumy does not know


def test_the_oracle_finds_the_sentences_that_the_summary_was_made_of() -> None:
    sentences = ["The mill burned down.", "It was a Sunday.", "Nobody was hurt in the mill.", "Bells rang all night."]
    assert sorted(oracle(sentences, ["The mill burned down. Bells rang all night."], 20)) == [0, 3]
    # Of two people the one is taken who can be followed further.
    assert oracle(sentences, ["An entirely other thing.", "Nobody was hurt in the mill."], 20) == [2]
    assert oracle(sentences, ["Bells rang all night."], 3) == []
    assert oracle([], ["Bells"], 3) == oracle(["Bells"], ["other"], 3) == []


@settings(max_examples=30, deadline=None)
@given(SENTENCES, WORDS.map(" ".join).filter(bool), st.integers(1, 20))
def test_the_oracle_keeps_to_the_budget_and_no_single_sentence_beats_it(
    sentences: list[str], reference: str, words: int
) -> None:
    def score(text: str) -> float:
        return sum(rouge(text, [reference], ("rouge1", "rouge2")).values())

    chosen = oracle(sentences, [reference], words)
    assert len(set(chosen)) == len(chosen)
    assert sum(word_count(sentences[place]) for place in chosen) <= words
    affordable = [place for place, text in enumerate(sentences) if word_count(text) <= words]
    best = max((score(sentences[place]) for place in affordable), default=0.0)
    if chosen:
        assert score(sentences[chosen[0]]) == pytest.approx(best)
    else:
        assert best == 0


def test_the_oracle_is_near_the_best_of_all_extracts() -> None:
    reference = "The council opened the bridge with a dinner. The engineer wrote that nobody had measured it twice."
    sentences = TEXT[:9]

    def value(places: tuple[int, ...] | list[int]) -> float:
        return sum(rouge("\n".join(sentences[p] for p in sorted(places)), [reference], ("rouge1", "rouge2")).values())

    every = [c for size in (1, 2, 3) for c in combinations(range(9), size)
             if sum(word_count(sentences[p]) for p in c) <= 45]  # fmt: skip
    assert value(oracle(sentences, [reference], 45)) > 0.9 * max(map(value, every))


def test_whole_sentences_are_taken_in_order_of_preference_while_they_fit() -> None:
    sentences = ["one two three", "four five", "six", "seven eight nine ten"]
    assert fit(sentences, [3, 0, 1, 2], 6) == "four five\nseven eight nine ten"
    assert fit(sentences, [0, 1, 2, 3], 100) == "\n".join(sentences)
    assert fit(sentences, [3, 2], 2) == "six"
    assert fit(sentences, [3], 2) == "seven eight"  # where nothing fits, the first is cut
    assert fit(sentences, [], 2) == fit([], [], 2) == ""
    assert first_words(sentences, 4) == "one two three\nfour"
    assert first_words(["a – b", "c"], 2) == "a – b"  # a dash is no word


def test_a_written_summary_is_cut_by_weight() -> None:
    def said(text: str, weight: float) -> Statement:
        return Statement(text, (Span(0, 1),), weight)

    fields = (
        SummaryField("gist", FieldKind.STATEMENT, (said("Bells ring daily.", 0.2), said("Fog falls.", 0.9))),
        SummaryField("terms", FieldKind.TERM, (said("bell", 1.0),)),
        SummaryField("decisions", FieldKind.STATEMENT, (said("Ships wait here.", 0.8),)),
    )
    summary = StructuredSummary("d", None, "default", fields, "generative")
    assert statements_text(summary, 5) == "Fog falls.\nShips wait here."
    assert statements_text(summary, 50) == "Bells ring daily.\nFog falls.\nShips wait here."


def test_documents_rank_by_their_nearest_vector() -> None:
    vectors = np.array([[1, 0], [0, 1], [0.6, 0.8], [0.8, 0.6]], np.float32)
    queries = np.array([[0, 1], [1, 0]], np.float32)
    found = [row.tolist() for row in _nearest(queries, vectors, np.array([0, 0, 2, 3]), 2)]
    assert found == [[0, 2], [0, 3]]  # document 1 has no vector
    assert [row.tolist() for row in _nearest(queries, vectors[:0], np.zeros(0, np.int64), 2)] == [[], []]


def test_human_summaries_are_read_from_the_published_formats(tmp_path: Path) -> None:
    papers = [
        {"id": "P1", "title": "Bells", "abstract": [], "sections": [{"title": "One", "sentences": ["Bells ring."]}],
         "gold_summary": "Bells At Sea\nBells ring.\nFog falls."},
        {"id": "P2", "title": "Fog", "abstract": [], "sections": [{"title": "One", "sentences": ["Fog falls."]}],
         "gold_summary": "Fog falls."},
    ]  # fmt: skip
    assert _summaries(tmp_path / "s", {"papers": papers, "citances": []}) == [
        GoldSummary("scisummnet/P1", ("Bells ring.\nFog falls.",), "Bells At Sea"),
        GoldSummary("scisummnet/P2", ("Fog falls.",)),
    ]
    turns = [{"speaker": "A", "content": "we ring ."}]
    asked = ["Summarize the whole meeting.", "Summarize the Meeting ", "What were the resolutions in the meeting?",
             "Summarize what was said about digits form", "What’s the summary of the meeting?"]  # fmt: skip
    meetings = [
        {"meeting_id": f"M{n}", "meeting_transcripts": turns, "specific_query_list": [], "topic_list": [],
         "general_query_list": [{"query": query, "answer": f"answer {n}"}]}
        for n, query in enumerate(asked)
    ]  # fmt: skip
    assert _summaries(tmp_path / "q", {"val": meetings}) == [
        GoldSummary(f"qmsum/M{n}", (f"answer {n}",)) for n in (0, 1, 4)
    ]
    texts = ["What is the plot of the story?", "Who rings?"]
    story = {"metadata": {"passage_id": "7"}, "document": "Bells\n\nBells rang at sea.",
             "questions": [{"question_number": n, "question_text": text,
                            "responses": [{"response_text": f"{n}-{k}"} for k in range(4)]}
                           for n, text in enumerate(texts, 1)]}  # fmt: skip
    assert _summaries(tmp_path / "y", {"dev": [story]}) == [GoldSummary("squality/7", ("1-0", "1-1", "1-2", "1-3"))]


def _summaries(folder: Path, files: dict[str, list[dict[str, object]]]) -> list[GoldSummary]:
    folder.mkdir()
    for name, records in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    found = load_dataset(folder)
    assert found.summaries is not None
    assert list(found.summaries()) == list(found.summaries())
    return list(found.summaries())


@pytest.mark.data
def test_human_summaries_of_the_real_sets_are_counted() -> None:
    try:
        folder = data_folder()
    except LoadError as error:
        pytest.skip(str(error))
    expected = {"scisummnet": (492, 492), "qmsum": (183, 183), "squality": (75, 300)}
    for name, counts in expected.items():
        if not (folder / name).is_dir():
            pytest.skip(f"no folder {name} in {folder}")
        data = load_dataset(name, data=folder)
        assert data.summaries is not None
        found = list(data.summaries())
        assert (len(found), sum(len(each.texts) for each in found)) == counts
        assert len({each.document_id for each in found}) == len(found)
        assert all(text.strip() for each in found for text in each.texts)
