"""Citation recall and precision, worked by hand after ALCE (Gao et al., 2023)."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from odqa.data.builder import DocumentBuilder
from odqa.data.passages import parse
from odqa.evaluate.answers.citations import CitationFigures, judge_citations, premise
from odqa.reader.quote import GAP
from odqa.reader.verify import AlignmentVerifier
from odqa.schema import Answer, Citation, Claim, Document, Evidence, Span, Support

TEXT = "The pier opened in 1996. The gale broke the wall. Two men died. The ferry sank at noon."


class WordJudge:
    """Supports a claim if every word of it stands somewhere in the evidence."""

    name = "words"
    threshold = 0.5

    def support(self, claim: str, evidence: Sequence[Evidence]) -> Support:
        said = " ".join(item.text for item in evidence).lower().replace(".", "").split()
        return Support(float(set(claim.lower().strip(".").split()) <= set(said)), 0)


def document(text: str = TEXT, id: str = "report") -> Document:
    builder = DocumentBuilder(id, title="Report")
    builder.paragraph(text)
    return builder.build()


def evidence(*documents: Document) -> list[Evidence]:
    found = []
    for one in documents:
        parsed = parse(one, lambda texts: [len(text.split()) for text in texts])
        found += [Evidence(one, parsed.sections[p.section], p, 1.0) for p in parsed.passages]
    return found


def cite(of: Document, *quotes: str) -> Citation:
    spans = tuple(Span(of.text.index(quote), of.text.index(quote) + len(quote)) for quote in quotes)
    return Citation(1, of.id, of.title, of.id, spans, GAP.join(quotes))


def judged(claims: Sequence[tuple[str, Sequence[Citation]]], *documents: Document) -> CitationFigures:
    kept = tuple(Claim(text, tuple(citations), 1.0) for text, citations in claims)
    return judge_citations(Answer("?", kept, tuple(evidence(*documents))), WordJudge())


PIER, WALL, MEN, FERRY = TEXT.replace(". ", ".|").split("|")


def test_one_citation_that_supports() -> None:
    figures = judged([(PIER, [cite(document(), PIER)])], document())
    assert figures.values() == {
        "citation_recall": 1,
        "citation_precision": 1,
        "citations_per_sentence": 1,
        "citation_exact": 1,
    }


@pytest.mark.parametrize(
    ("text", "quotes", "recall", "precision"),
    [
        pytest.param("gale ferry", [WALL, FERRY], 1, 1, id="each is needed"),
        pytest.param("gale broke", [WALL, FERRY], 1, 1 / 2, id="one is beside the point"),
        pytest.param("the", [WALL, FERRY], 1, 1, id="each suffices alone"),
        pytest.param("gale 1850", [WALL, FERRY], 0, 0, id="together they do not suffice"),
        pytest.param("gale", [], 0, 0, id="nothing is cited"),
        pytest.param("pier gale died", [PIER, WALL, MEN, FERRY], 1, 1, id="the fourth is not read"),
        pytest.param("pier gale noon", [PIER, WALL, MEN, FERRY], 0, 0, id="not even if it is needed"),
        pytest.param("pier gale", [PIER, WALL, MEN], 1, 2 / 3, id="one of three is beside the point"),
    ],
)
def test_one_sentence(text: str, quotes: list[str], recall: float, precision: float) -> None:
    values = judged([(text, [cite(document(), quote) for quote in quotes])], document()).values()
    assert values["citation_recall"] == recall
    assert values["citation_precision"] == pytest.approx(precision)
    assert values["citations_per_sentence"] == len(quotes)


def test_citations_of_a_sentence_that_is_not_recalled_count_as_imprecise() -> None:
    claims = [("gale broke", [cite(document(), WALL)]), ("gale 1850", [cite(document(), WALL), cite(document(), PIER)])]
    values = judged(claims, document()).values()
    assert values["citation_recall"] == 1 / 2
    assert values["citation_precision"] == pytest.approx(1 / 3)
    assert values["citations_per_sentence"] == 1.5


def test_several_documents_may_support_a_sentence_together() -> None:
    other = document("The ferry was the Lady Orrin.", "log")
    figures = judged([("gale orrin", [cite(document(), WALL), cite(other, other.text)])], document(), other)
    assert (figures.supported, figures.judged, figures.precise) == ((True,), 2, 2)


def test_a_refusal_has_no_citation_figures() -> None:
    assert judged([], document()).values() == {}


@pytest.mark.parametrize("judge", [WordJudge(), AlignmentVerifier()], ids=["words", "alignment"])
def test_what_stands_beside_the_citation_does_not_support(judge: WordJudge | AlignmentVerifier) -> None:
    source = document()
    claims = (Claim(WALL, (cite(source, MEN),), 1.0), Claim(WALL, (cite(source, WALL),), 1.0))
    figures = judge_citations(Answer("?", claims, tuple(evidence(source))), judge)
    assert figures.supported == (False, True)


def test_what_stands_between_two_cited_places_is_not_read() -> None:
    source = document()
    (item,) = premise([cite(source, PIER, MEN)], evidence(source))
    assert item.text.split() == f"{PIER} {MEN}".split()
    assert len(item.document.text) == len(source.text)
    assert [span.of(item.document.text) for span in item.passage.sentences] == [PIER, MEN]


def test_part_of_a_sentence_is_that_part() -> None:
    source = document()
    (item,) = premise([cite(source, "gale broke")], evidence(source))
    assert item.text == "gale broke"
    assert "wall" not in item.document.text


def table() -> Document:
    builder = DocumentBuilder("costs", title="Costs")
    builder.table([["Item", "Firm", "Pounds"], ["Piles", "Holm", "2418"], ["Grout", "Corvane", "640"]])
    return builder.build()


def test_cells_are_read_with_their_headers_and_without_their_neighbours() -> None:
    source = table()
    (item,) = premise([cite(source, "Grout", "640")], evidence(source))
    assert item.document.text.split() == ["Item", "Firm", "Pounds", "Grout", "640"]
    claims = (
        Claim("Grout: Pounds 640.", (cite(source, "Grout", "640"),), 1.0),
        Claim("Grout: Firm Corvane, Pounds 640.", (cite(source, "Grout", "640"),), 1.0),
    )
    figures = judge_citations(Answer("?", claims, tuple(evidence(source))), AlignmentVerifier())
    assert figures.supported == (True, False)


def test_a_speaker_is_known_without_being_cited() -> None:
    builder = DocumentBuilder("meeting", title="Meeting")
    builder.turn("The motion is carried by seven votes.", "Mayor Ellis", 61.0)
    builder.turn("I object to the vote.", "Mr Crane", 70.0)
    source = builder.build()
    cited = (cite(source, "The motion is carried by seven votes."),)
    claims = (
        Claim("Mayor Ellis said (00:01:01): “The motion is carried by seven votes.”", cited, 1.0),
        Claim("Mr Crane said (00:01:10): “The motion is carried by seven votes.”", cited, 1.0),
    )
    figures = judge_citations(Answer("?", claims, tuple(evidence(source))), AlignmentVerifier())
    assert figures.supported == (True, False)


@pytest.mark.parametrize(
    "change",
    [
        {"quote": "The gale broke the wall!"},
        {"spans": (Span(0, 3),)},
        {"spans": ()},
        {"spans": (Span(0, 10_000),)},
        {"document_id": "unknown"},
    ],
    ids=["other words", "other characters", "no characters", "beyond the end", "unknown document"],
)
def test_a_citation_is_exact_or_not(change: dict[str, object]) -> None:
    source = document()
    right = cite(source, WALL)
    figures = judged([(WALL, [right, replace(right, **change)])], source)
    assert (figures.cited, figures.exact) == (2, 1)
