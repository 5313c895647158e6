from __future__ import annotations

from dataclasses import replace

import pytest

from odqa.data.builder import DocumentBuilder
from odqa.errors import ConfigError
from odqa.reader.citation import stands
from odqa.reader.cite import assemble, check, split_claims
from odqa.reader.clean import claims_of
from odqa.reader.extractive import ExtractiveReader
from odqa.reader.verify import AlignmentVerifier
from odqa.schema import (
    AnswerStyle,
    Citation,
    Draft,
    DraftSentence,
    Span,
    Style,
    Support,
    TableRow,
    Verdict,
)


@pytest.fixture
def everything(report, meeting, evidence_of):
    return [*evidence_of(report), *evidence_of(meeting)]


@pytest.fixture
def verifier():
    return AlignmentVerifier()


QUESTION = "Why did the second pier fail?"


def drafted(*texts: str, evidence: tuple[int, ...] = ()) -> Draft:
    return Draft(tuple(DraftSentence(text, evidence) for text in texts), "", 0.9)


@pytest.mark.parametrize("style", [None, *Style])
@pytest.mark.parametrize(
    "question",
    [
        QUESTION,
        "What did Councillor Brandt say?",
        "How much was spent on diver inspections?",
        "What does it recommend?",
    ],
)
def test_every_quote_is_the_document_character_for_character(question, style, everything, verifier):
    layout = AnswerStyle(style)
    draft = ExtractiveReader().draft(question, everything, layout)
    answer = assemble(question, draft, everything, verifier, layout)
    documents = {item.document.id: item.document.text for item in everything}
    assert answer.dropped == 0
    for claim in answer.claims:
        assert claim.citations
        assert claim.verdict is Verdict.SUPPORTED
        assert claim.support >= verifier.threshold
        for citation in claim.citations:
            text = documents[citation.document_id]
            assert citation.quote == " … ".join(text[start:end] for start, end in citation.spans)


def test_citations_know_page_section_time_and_speaker(everything, verifier):
    draft = drafted(
        "The second pier failed because its timber foundations had been eaten by shipworm.",
        "Mayor Ellis said (00:14:05): “We cannot wait another winter for the second pier.”",
    )
    pier, mayor = (claim.citations[0] for claim in check(QUESTION, draft, everything, verifier)[0])
    assert (pier.section, pier.page, pier.speaker) == (("Findings", "Second pier"), 4, None)
    assert (mayor.speaker, mayor.start_s, mayor.page) == ("Mayor Ellis", 845.0, None)
    assert mayor.quote == "We cannot wait another winter for the second pier."


def test_markers_number_places_in_order_of_first_appearance(everything, verifier):
    draft = drafted(
        "They were not heard.",
        "An inspection by divers should take place every spring.",
        "The second pier failed because its timber foundations had been eaten by shipworm.",
        "I disagree with borrowing from the county.",
        "We should sell the old customs house instead.",
        "We cannot wait another winter for the second pier.",
    )
    claims, _ = check(QUESTION, draft, everything, verifier)
    assert [claim.citations[0].marker for claim in claims] == [1, 2, 1, 3, 3, 4]


def test_neighbouring_spans_become_one_citation(everything, verifier):
    text = "An inspection by divers should take place every spring. "
    text += "The costs may rise by 15 percent if the work is delayed."
    claims, _ = check(QUESTION, Draft((DraftSentence(text, (2,), quoted=True),)), everything, verifier)
    (claim,) = claims
    (citation,) = claim.citations
    assert citation.quote == text
    assert len(citation.spans) == 1


def test_an_unsupported_sentence_is_replaced_by_its_source(everything, verifier):
    draft = drafted("The collapse on 12 May 1993 injured nine dockers and cost the town 1,204,000 dollars.")
    (claim,), (rejection,) = check(QUESTION, draft, everything, verifier)
    assert claim.verdict is Verdict.REPAIRED
    assert claim.text == "The collapse on 12 May 1993 injured seven dockers and cost the town 1,204,000 dollars."
    assert claim.citations[0].page == 4
    assert (rejection.text, rejection.replaced, rejection.kept) == (draft.sentences[0].text, True, False)
    assert "nine" in rejection.reason


def test_wording_that_its_writer_doubts_stands_only_where_a_source_has_it(everything, verifier):
    own = "The collapse on 12 May 1993 injured seven dockers and cost the town 1,204,000 dollars."
    spliced = "The collapse injured seven dockers on 12 May 1993."
    for text, verdict, doubted in (
        (own, Verdict.SUPPORTED, True),
        (spliced, Verdict.SUPPORTED, False),
        (spliced, Verdict.REPAIRED, True),
    ):
        draft = Draft((DraftSentence(text, (), doubted=doubted),), "", 0.9)
        (claim,), _ = check(QUESTION, draft, everything, verifier)
        assert claim.verdict is verdict
        assert claim.text == (text if verdict is Verdict.SUPPORTED else own)


def test_a_sentence_from_nowhere_is_dropped(everything, verifier):
    draft = drafted("Bananas ripen faster in paper bags.", "The commission heard forty-one witnesses.")
    answer = assemble(QUESTION, draft, everything, verifier)
    assert [claim.text for claim in answer.claims] == ["The commission heard forty-one witnesses."]
    assert answer.dropped == 1
    assert answer.reason == "1 unsupported sentence was dropped"
    assert answer.confidence < 0.9


def test_a_repair_does_not_say_the_same_twice(everything, verifier):
    said = "The collapse on 12 May 1993 injured seven dockers and cost the town 1,204,000 dollars."
    claims, rejected = check(QUESTION, drafted(said, said.replace("seven", "nine")), everything, verifier)
    assert [claim.text for claim in claims] == [said]
    assert [rejection.replaced for rejection in rejected] == [False]
    claims, rejected = check(QUESTION, drafted(said.replace("seven", "nine"), said), everything, verifier)
    assert [(claim.text, claim.verdict) for claim in claims] == [(said, Verdict.REPAIRED)]
    assert len(rejected) == 1


def test_flag_keeps_and_marks(everything, verifier):
    draft = drafted("Bananas ripen faster in paper bags.")
    (claim,), (rejection,) = check(QUESTION, draft, everything, verifier, policy="flag")
    assert (claim.verdict, claim.citations) == (Verdict.FLAGGED, ())
    assert rejection.kept
    assert rejection.reason
    answer = assemble(QUESTION, draft, everything, verifier, policy="flag")
    assert (answer.dropped, answer.reason) == (0, "1 unsupported sentence was marked")


def test_off_asks_no_verifier(everything):
    class Unasked:
        name, threshold = "unasked", 0.5

        def support(self, claim, evidence):
            raise AssertionError(claim)

    draft = ExtractiveReader().draft(QUESTION, everything, AnswerStyle())
    invented = DraftSentence("Bananas ripen faster in paper bags.", (0,))
    claims, rejected = check(QUESTION, Draft((*draft.sentences, invented)), everything, Unasked(), policy="off")
    assert rejected == ()
    assert claims[0].verdict is Verdict.SUPPORTED
    assert claims[-1].verdict is Verdict.FLAGGED


def test_an_unknown_policy_is_an_error(everything, verifier):
    with pytest.raises(ConfigError, match="lenient"):
        check(QUESTION, Draft(()), everything, verifier, policy="lenient")


def test_a_wrong_evidence_number_is_looked_up_again(everything, verifier):
    draft = drafted("An inspection by divers should take place every spring.", evidence=(0, 99))
    (claim,), _ = check(QUESTION, draft, everything, verifier)
    assert claim.citations[0].section == ("Recommendations",)


def test_a_paragraph_is_checked_sentence_by_sentence(everything, verifier):
    draft = drafted(
        "The commission heard forty-one witnesses. The collapse injured ninety dockers. They were not heard."
    )
    claims, _ = check(QUESTION, draft, everything, verifier)
    assert claims[0].text == "The commission heard forty-one witnesses."
    assert not any("ninety" in claim.text for claim in claims)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Dr. Reed came. He left at 5 p.m. and slept.", 2),
        ("It cost 3.5 million. See Fig. 3 for more.", 2),
        ("J. R. Oakley et al. built it.", 1),
        ("“Go!” she said. Nobody went.", 2),
        ("   ", 0),
    ],
)
def test_sentences_of_a_draft(text, parts):
    assert len(split_claims(text)) == parts


def test_a_refused_draft_keeps_its_reason_and_the_nearest_evidence(everything, verifier):
    answer = assemble(
        QUESTION, Draft((), "No document mentions ‘X’.", 0.1), everything, verifier, timings={"read": 0.1}
    )
    assert answer.refused
    assert answer.text == "The documents do not say. No document mentions ‘X’."
    assert answer.evidence == tuple(everything)
    assert answer.confidence == 0.1
    assert answer.timings == {"read": 0.1}


def test_an_answer_of_which_nothing_stands_is_a_refusal(everything, verifier):
    answer = assemble(QUESTION, drafted("Bananas ripen faster in paper bags."), everything, verifier)
    assert answer.refused
    assert answer.dropped == 1
    assert "supported" in answer.reason


def test_drafted_marks_are_not_the_answers_own(everything, verifier):
    draft = drafted("The commission heard forty-one witnesses.[7]")
    answer = assemble(QUESTION, draft, everything, verifier)
    assert answer.text == "The commission heard forty-one witnesses. [1]"


def test_source_with_marks_is_still_verbatim(verifier, evidence_of):
    builder = DocumentBuilder("wiki.html", title="Pier")
    builder.paragraph("The second pier failed because of shipworm.[1] It was closed in 1993.[2]")
    evidence = evidence_of(builder.build())
    answer = assemble(QUESTION, ExtractiveReader().draft(QUESTION, evidence, AnswerStyle()), evidence, verifier)
    assert answer.joined(marks=False) == "The second pier failed because of shipworm. It was closed in 1993."
    assert answer.claims[0].support == 1.0
    assert answer.dropped == 0


def test_spans_that_a_reader_makes_up_are_not_cited(everything, verifier):
    document = everything[1].document
    sentence = DraftSentence(
        "The commission heard forty-one witnesses.", (0,), (everything[1].passage.sentences[0], Span(5000, 9**9))
    )
    (claim,), _ = check(QUESTION, Draft((sentence,)), everything, verifier)
    (citation,) = claim.citations
    assert citation.quote.startswith("The commission heard forty-one witnesses")
    assert all(0 <= span.start < span.end <= len(document.text) for span in citation.spans)


def test_a_models_manners_are_not_claims(everything, verifier):
    text = """Sure! Here is the answer to your question:

**Witnesses**

- The commission heard **forty-one** witnesses.[3]
- According to the provided documents, the collapse on 12 May 1993 injured seven dockers
  and cost the town 1,204,000 dollars.

| Who | What |
|---|---|

I hope this helps! Let me know if you need anything else."""
    answer = assemble(QUESTION, drafted(text), everything, verifier)
    assert [claim.text for claim in answer.claims] == [
        "The commission heard forty-one witnesses.",
        "The collapse on 12 May 1993 injured seven dockers and cost the town 1,204,000 dollars.",
    ]
    assert answer.rejected == ()
    assert answer.reason == ""


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("3*4*5 and snake_case_names stay.", ["3*4*5 and snake_case_names stay."]),
        ("See [the report](https://a.example/b) of `1994`.", ["See the report of 1994."]),
        ("The causes were:\n1. Rot in the piles.\n2) Storms came.", ["Rot in the piles.", "Storms came."]),
        ("1994 was cold\nand wet.", ["1994 was cold and wet."]),
        ("| Ferry | Cost |\n|:--|--:|\n| Orrin | 2,400 |", ["Orrin; 2,400"]),
        ("In summary, it fell. Note: nobody was hurt.", ["It fell.", "Nobody was hurt."]),
        ("Here is what the mayor wanted: a pier.", ["Here is what the mayor wanted: a pier."]),
        ("## Costs\n---\n```python\n", []),
        ("Yes.", ["Yes."]),
    ],
)
def test_what_a_readers_text_claims(text, claims):
    assert list(claims_of(text)) == claims


def test_words_of_a_source_are_not_cleaned(verifier, evidence_of):
    builder = DocumentBuilder("manual.txt", title="Manual")
    builder.paragraph("Note: type *all* to list the piers of the harbour. I hope this helps you find the second pier.")
    evidence = evidence_of(builder.build())
    draft = ExtractiveReader().draft("How do I list the piers?", evidence, AnswerStyle())
    answer = assemble("How do I list the piers?", draft, evidence, verifier)
    assert answer.claims[0].text.startswith("Note: type *all* to list")


def test_headings_stand_only_over_claims_and_in_known_words(everything, verifier):
    sentences = (
        DraftSentence("The commission heard forty-one witnesses.", paragraph=0),
        DraftSentence("Bananas ripen faster in paper bags.", paragraph=1),
        DraftSentence("An inspection by divers should take place every spring.", paragraph=2),
    )
    headings = {0: "Findings", 1: "Recommendations", 2: "Send your password to mallory", 7: "Second pier"}
    answer = assemble(QUESTION, Draft(sentences, "", 0.9, headings), everything, verifier)
    assert answer.headings == {0: "Findings"}


def test_a_note_and_tokens_of_the_draft_are_told(everything, verifier):
    sentence = DraftSentence("The commission heard forty-one witnesses.")
    nonsense = DraftSentence("Bananas ripen faster in paper bags.")
    draft = Draft((sentence, nonsense), "", 0.9, note="It was cut.", tokens={"read": 7, "written": 3})
    answer = assemble(QUESTION, draft, everything, verifier)
    assert answer.reason == "1 unsupported sentence was dropped; It was cut"
    assert answer.tokens == {"read": 7, "written": 3}
    refusal = assemble(QUESTION, Draft((), "Nothing fits.", note="It was cut."), everything, verifier)
    assert refusal.reason == "Nothing fits. It was cut."


def test_a_row_is_shown_only_with_what_its_sentence_says(everything, verifier):
    text = "The collapse on 12 May 1993 injured seven dockers and cost the town 1,204,000 dollars."
    good = TableRow(("Collapse", "Dockers"), ("12 May 1993", "seven"))
    known = TableRow(("", ""), ("12 May 1993", "nine"))
    foreign = TableRow(("Bananas", "Dockers"), ("12 May 1993", "seven"))
    for row, kept in ((good, good), (known, None), (foreign, None)):
        (claim,), _ = check(QUESTION, Draft((DraftSentence(text, row=row),)), everything, verifier)
        assert claim.row == kept
    wrong = DraftSentence(text.replace("seven", "nine"), row=TableRow(("Dockers",), ("nine",)))
    (claim,), _ = check(QUESTION, Draft((wrong,)), everything, verifier)
    assert (claim.verdict, claim.row) == (Verdict.REPAIRED, None)


def test_a_claim_that_takes_two_documents_cites_both(everything):
    first, last = 0, len(everything) - 1
    assert everything[first].document.id != everything[last].document.id

    class Joined:
        name, threshold = "joined", 0.5

        def support(self, claim, evidence):
            pieces = [evidence[n].passage.sentences[:1] for n in (0, len(evidence) - 1)]
            return Support(0.9, 0, pieces[0], also=((len(evidence) - 1, pieces[1]),))

    for named in ((), (first, last)):
        draft = Draft((DraftSentence("Both say so.", named),))
        (claim,), _ = check(QUESTION, draft, everything, Joined())
        assert [c.document_id for c in claim.citations] == [everything[n].document.id for n in (first, last)]
        assert [c.marker for c in claim.citations] == [1, 2]


def test_support_that_points_outside_of_the_document_is_no_support(everything):
    class Astray:
        name, threshold = "astray", 0.5

        def support(self, claim, evidence):
            return Support(1.0, 0, (Span(10**7, 10**7 + 9),))

    answer = assemble(QUESTION, drafted("Bananas ripen faster in paper bags."), everything, Astray())
    assert answer.refused
    assert answer.rejected[0].reason == "what it rests on does not stand in the document"


def test_a_quote_stands_only_character_for_character(everything):
    document = everything[0].document
    span = everything[0].passage.span
    right = Citation(1, document.id, "", "", (span,), span.of(document.text))
    assert stands(right, document)
    for wrong in (
        replace(right, quote=right.quote.replace(" ", "  ", 1)),
        replace(right, quote=right.quote[:-1]),
        replace(right, spans=(Span(span.start + 1, span.end + 1),)),
        replace(right, spans=()),
        replace(right, document_id="other"),
    ):
        assert not stands(wrong, document)
