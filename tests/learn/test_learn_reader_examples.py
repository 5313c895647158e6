import re
from dataclasses import replace
from itertools import islice

import pytest

from odqa.data.builder import DocumentBuilder
from odqa.data.datasets.types import Dataset, Gold, GoldSummary, Question
from odqa.learn.reader.drafts import evidence_of
from odqa.learn.reader.examples import Example, Said, tokenized
from odqa.learn.reader.questions import SUMMARIZE, Teaching, from_dataset
from odqa.learn.reader.run import held_out_by
from odqa.learn.reader.sentences import from_documents
from odqa.reader.neural.inputs import Source
from odqa.reader.verify import AlignmentVerifier
from odqa.schema import Span
from tests.tinyreader import MARKS, make_encoder, make_reader

PARTS = [
    "The harbour bridge was closed in March 2019 after engineers found cracks in two of its pylons.",
    "Repairs took eleven months and were paid for by the county, which borrowed four million pounds.",
    "A ferry carried passengers across the harbour while the bridge was closed to all traffic.",
    "The ferry ran every twenty minutes and was free for schoolchildren and for nurses on duty.",
    "Shopkeepers on the east bank complained that their trade had fallen by a third that summer.",
    "When the bridge reopened the mayor crossed it first, on a bicycle lent by the town museum.",
]


def document(name="bridge", parts=PARTS, title="The harbour bridge"):
    builder = DocumentBuilder(name, title=title)
    builder.heading(title)
    for part in parts:
        builder.paragraph(" ".join([part] * 4))
    return builder.build()


def dataset(questions, summaries=(), documents=None):
    made = documents or [document()]
    return Dataset(
        "own", lambda: iter(made), lambda: iter(questions), summaries=(lambda: iter(summaries)) if summaries else None
    )


def asked(answer, *, text="Why was the bridge closed?", gold=(), **fields):
    return Question("q1", text, "", 1, (Gold("bridge", tuple(gold)),), (answer,), **fields)


def teaching(**fields):
    return Teaching(**{"support": AlignmentVerifier().support, "sources": 3, "marks": MARKS, **fields})


def test_every_sentence_of_a_self_made_example_stands_in_the_source_it_cites():
    documents = [document(str(n), [part.replace("harbour", f"harbour {n}") for part in PARTS]) for n in range(6)]
    examples = list(from_documents(documents, seed=3, marks=MARKS))
    assert len(examples) >= 6
    for example in examples:
        by_number = {source.number: source for source in example.sources}
        assert len(by_number) == len(example.sources) <= 3
        assert set(by_number) <= set(range(1, MARKS + 1))
        for said in example.said:
            (number,) = said.numbers
            assert said.text in by_number[number].text
        told = " ".join([*(said.text for said in example.said), *(source.head for source in example.sources)]).lower()
        assert all(word.lower() in told for word in example.question.split())


def test_self_made_examples_are_the_same_each_time_and_others_with_another_seed():
    documents = [document(str(n)) for n in range(3)]
    first = list(from_documents(documents, seed=3, marks=MARKS))
    assert first == list(from_documents(documents, seed=3, marks=MARKS))
    assert first != list(from_documents(documents, seed=4, marks=MARKS))


def test_documents_are_read_only_as_far_as_examples_are_taken():
    read = []

    def documents():
        for number in range(2000):
            read.append(number)
            yield document(str(number))

    assert len(list(islice(from_documents(documents(), seed=1, marks=MARKS), 5))) == 5
    assert len(read) < 200


def test_what_the_sources_carry_is_cited_and_what_they_do_not_counts_less():
    answer = f"{PARTS[0]} The mayor resigned in shame and moved to Portugal."
    (example,) = from_dataset(dataset([asked(answer)]), teaching(doubtful=0.25))
    held, made_up = example.said
    assert held.weight == 1.0
    assert made_up == Said("The mayor resigned in shame and moved to Portugal.", (), 0.25)
    assert [PARTS[0] in source.text for source in example.sources if source.number in held.numbers] == [True]


def test_unsupported_sentences_can_be_left_out_and_an_answer_of_nothing_else_is_no_example():
    answer = f"{PARTS[0]} The mayor resigned in shame and moved to Portugal."
    (example,) = from_dataset(dataset([asked(answer)]), teaching(doubtful=0.0))
    assert [said.text for said in example.said] == [PARTS[0]]
    assert not list(from_dataset(dataset([asked("The mayor resigned and moved to Portugal.")]), teaching()))


def test_without_a_verifier_every_answer_is_believed():
    (example,) = from_dataset(dataset([asked("The mayor moved to Portugal.")]), teaching(support=None))
    assert example.said == (Said("The mayor moved to Portugal."),)


def test_passages_that_people_marked_come_first():
    made = document()
    start = made.text.index(PARTS[3])
    gold = Span(start, start + 30)
    (example,) = from_dataset(dataset([asked(PARTS[3], gold=[gold])], documents=[made]), teaching(sources=2))
    assert any(PARTS[3] in source.text for source in example.sources)


def test_unanswerable_questions_and_those_of_several_documents_teach_nothing():
    several = replace(asked(PARTS[0]), gold=(Gold("bridge"), Gold("ferry")))
    assert not list(from_dataset(dataset([several]), teaching()))
    assert not list(from_dataset(dataset([asked(PARTS[0], answerable=False)]), teaching()))


def test_summaries_are_learned_too_unless_they_were_asked_for():
    summaries = [GoldSummary("bridge", (PARTS[1],)), GoldSummary("bridge", (PARTS[0],))]
    found = list(from_dataset(dataset([asked(PARTS[0])], summaries), teaching()))
    assert [(one.kind, one.question) for one in found] == [
        ("question", "Why was the bridge closed?"),
        ("summary", SUMMARIZE),
    ]


def test_long_answers_are_cut_after_a_sentence():
    (example,) = from_dataset(dataset([asked(" ".join(PARTS))]), teaching(most_words=40, support=None))
    assert [said.text for said in example.said] == PARTS[:2]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    words = re.sub(r"\W", " ", " ".join(PARTS)).lower()
    return make_reader(make_encoder(tmp_path_factory.mktemp("encoder"), words=words))[1]


def test_weights_go_with_the_tokens_of_their_sentences(tokenizer):
    said = (Said("the bridge is red .", (2,)), Said("the ferry is blue .", (), 0.2))
    arrays = tokenized(Example("what ?", (Source(2, "", "the bridge is red ."),), said, "g"), tokenizer)
    assert arrays["weights"].tolist() == [100] * 6 + [20] * 5 + [100]
    assert tokenizer.text(arrays["target"].tolist()) == "the bridge is red . [2] the ferry is blue ."


def test_an_answer_that_was_cut_does_not_teach_its_end(tokenizer):
    said = tuple(Said("the bridge is red .", (2,)) for _ in range(5))
    arrays = tokenized(Example("what ?", (Source(2, "", "the bridge is red ."),), said, "g"), tokenizer)
    assert len(arrays["target"]) == tokenizer.max_target
    assert arrays["weights"][-1] == 0


def grouped(*groups):
    return [Example("what ?", (), (Said(f"answer {n}"),), group) for n, group in enumerate(groups)]


def test_groups_are_held_out_whole_however_few_there_are():
    for count in (2, 3, 5, 40, 400):
        examples = grouped(*(f"g{n // 2}" for n in range(2 * count)))
        is_held_out = held_out_by(examples, 13)
        held_out = {example.group for example in examples if is_held_out(example)}
        assert held_out
        assert held_out.isdisjoint(example.group for example in examples if not is_held_out(example))
        assert len(held_out) <= max(1, count / 2)


def test_of_a_single_group_some_examples_are_held_out():
    examples = grouped(*["only"] * 40)
    assert 0 < sum(map(held_out_by(examples, 13), examples)) < 20


def test_a_source_is_evidence_that_the_verifier_reads():
    (item,) = evidence_of(Source(3, "Report", PARTS[0]))
    assert AlignmentVerifier().support(PARTS[0], [item]).score == 1.0
    assert not list(evidence_of(Source(0, "Report", PARTS[0])))


def test_what_a_document_is_about_is_read_beside_its_passages_and_not_cited():
    def gist(parsed):
        return f"All about {parsed.document.title}."

    (example,) = from_dataset(dataset([asked(PARTS[0])]), teaching(gist=gist))
    *passages, about = example.sources
    assert about == Source(0, "The harbour bridge", "All about The harbour bridge.", summary=True)
    assert not any(source.summary for source in passages)
    assert 0 not in {number for said in example.said for number in said.numbers}
