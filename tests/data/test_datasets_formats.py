import json
import lzma
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from odqa.data.datasets import AnswerLength, ClaimLabel, Dataset, Gold, data_folder, load_dataset
from odqa.data.datasets.registry import FORMATS
from odqa.data.datasets.scisummnet import citances, strip_citations, summaries
from odqa.errors import LoadError, UsageError
from odqa.schema import BlockKind

Record = dict[str, Any]


def write(path: Path, *records: Record | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def shared(name: str) -> Path:
    try:
        folder = data_folder() / name
    except LoadError as error:
        pytest.skip(str(error))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}")
    return folder


# SciSummNet


@pytest.mark.parametrize(
    ("citance", "stripped"),
    [
        ("The tagger TnT (Brants, 2000) was used.", "The tagger TnT was used."),
        ("Parsers (Collins 1997; Charniak, 2000a) are fast [12, 13].", "Parsers are fast."),
        ("Brants (2000) uses trigrams.", "Brants uses trigrams."),
        ("We follow (de Marneffe and Manning, 2008) here.", "We follow here."),
        ("Work by van Noord (1990, 1991) and O'Hara & Li (2001).", "Work by van Noord and O'Hara & Li."),
        ("A model [Shieber et al 1990, van Noord 1990] of it.", "A model of it."),
        ("It has (1) trees and (2) CoNLL 2003 names.", "It has (1) trees and (2) CoNLL 2003 names."),
        ("Counts (of 2,000 words) &amp; sums", "Counts (of 2,000 words) & sums"),
    ],
)
def test_a_citance_loses_its_markers(citance: str, stripped: str) -> None:
    assert strip_citations(citance) == stripped


def scisummnet(folder: Path) -> None:
    write(
        folder / "papers.jsonl",
        {
            "id": "A00-1",
            "title": "Bells at Sea",
            "abstract": ["Bells ring.", "They ring at sea."],
            "sections": [{"title": "1 Introduction", "sentences": ["Fog is common.", "So are bells."]}],
            "gold_summary": "Bells at Sea\nBells ring in fog.",
        },
    )
    common = {"cited": "A00-1", "citing_paper_id": "B01-2"}
    write(
        folder / "citances.jsonl",
        {**common, "citance_No": 1, "raw_text": "Bells ( Oar,2000 )ring", "clean_text": "Bells (Oar, 2000) ring."},
        {**common, "citance_No": 2, "raw_text": "(Oar, 2000)", "clean_text": ""},
    )


def test_papers_and_citances(tmp_path: Path) -> None:
    scisummnet(tmp_path)
    dataset = load_dataset(tmp_path)
    (paper,) = dataset.documents()
    assert [(block.kind, block.span.of(paper.text)) for block in paper.blocks] == [
        (BlockKind.HEADING, "Bells at Sea"),
        (BlockKind.HEADING, "Abstract"),
        (BlockKind.PARAGRAPH, "Bells ring. They ring at sea."),
        (BlockKind.HEADING, "1 Introduction"),
        (BlockKind.PARAGRAPH, "Fog is common. So are bells."),
    ]
    questions = list(dataset.questions())
    # What is nothing but a marker is asked as it is, rather than as nothing.
    assert [question.text for question in questions] == ["Bells ring.", "(Oar, 2000)"]
    assert all(question.gold == (Gold(paper.id),) and not question.references for question in questions)
    assert dataset.answers is AnswerLength.NONE
    assert list(summaries(tmp_path)) == [(paper.id, "Bells at Sea\nBells ring in fog.")]


# RAGEval


REPORTS = [
    {
        "doc_id": 1,
        "language": "en",
        "company_name": "Quay Ltd.",
        "content": "Quay Ltd. builds.\nIt sold a pier. It grew.",
    },
    {"doc_id": 2, "language": "en", "court_name": "Lock Court", "content": "The court sat in May. It grew."},
    {"doc_id": 3, "language": "en", "hospital_patient_name": "General_A. Oar", "content": "A. Oar fell. It grew."},
    {"doc_id": 9, "language": "zh", "company_name": "港口", "content": "公司于2017年成立。"},
]


def published(number: int, kind: str, ids: list[int], references: list[str], language: str = "en") -> Record:
    truth = {"doc_ids": ids, "content": "Yes.", "references": references, "keypoints": []}
    query = {"query_id": number, "query_type": kind, "content": f"Question {number}?"}
    return {"domain": "Finance", "language": language, "query": query, "ground_truth": truth}


def test_dragonball_as_published(tmp_path: Path) -> None:
    write(tmp_path / "dragonball_docs.jsonl", *REPORTS)
    write(
        tmp_path / "dragonball_queries.jsonl",
        published(1, "Factual Question", [1], ["It sold\n a pier.", "It sank."]),
        published(
            2, "Multi-document Comparison Question", [1, 2, 3], ["It sold a pier.", "The court sat in May.", "It grew."]
        ),
        published(3, "Irrelevant Unsolvable Question", [1], []),
        published(4, "Summarization Question", [1, 3], ["It sold a pier.", "It grew."]),
        published(5, "事实性问题", [9], ["公司于2017年成立"], language="zh"),
        published(6, "无关无解问", [9], [], language="zh"),
    )
    dataset = load_dataset(tmp_path)
    texts = {document.id: document.text for document in dataset.documents()}
    assert [document.title for document in dataset.documents()] == [
        "Quay Ltd.",
        "Lock Court",
        "General, A. Oar",
        "港口",
    ]
    fact, comparison, unanswerable, summary, chinese, unsolvable = dataset.questions()
    assert [span.of(texts["rageval/1"]) for span in fact.gold[0].spans] == ["It sold a pier."]
    assert (fact.marked, fact.mapped, fact.hops, fact.type) == (2, 1, 1, "Factual")
    # All three grew; only two of them hold what no other holds.
    assert [gold.document_id for gold in comparison.gold] == ["rageval/1", "rageval/2"]
    assert (comparison.hops, comparison.marked, comparison.mapped) == (2, 3, 3)
    assert [gold.document_id for gold in summary.gold] == ["rageval/1"]
    assert (unanswerable.answerable, unanswerable.gold, unanswerable.references) == (False, (), ())
    assert not unsolvable.answerable
    assert [span.of(texts["rageval/9"]) for span in chinese.gold[0].spans] == ["公司于2017年成立"]
    assert [question.id for question in load_dataset(tmp_path, split="zh").questions()] == ["rageval#5", "rageval#6"]
    assert len(list(load_dataset(tmp_path, split="zh").documents())) == 4
    with pytest.raises(UsageError, match="en, zh"):
        load_dataset(tmp_path, split="de")


# WiCE and ExpertQA


def test_wice_as_published(tmp_path: Path) -> None:
    evidence = [
        "(meta data) TITLE: The Bell",
        "(meta data) AUTHOR: A. Oar",
        "## Early years",
        "It rang.",
        " ",
        "It sank.",
    ]
    claim = {
        "label": "partially_supported",
        "supporting_sentences": [[5, 2], [0, 5]],
        "claim": "It rang and sank.",
        "evidence": evidence,
        "meta": {"id": "dev00001", "claim_title": "Bells"},
    }
    root = tmp_path / "data" / "entailment_retrieval" / "claim"
    write(root / "dev.jsonl", claim)
    write(root / "train.jsonl", claim | {"meta": {"id": "train00001", "claim_title": "Bells"}, "label": "supported"})
    dataset = load_dataset(tmp_path, split="dev")
    (found,) = dataset.claims()
    assert [(block.kind.value, block.level, block.span.of(found.document.text)) for block in found.document.blocks] == [
        ("heading", 1, "The Bell"),
        ("paragraph", 0, "AUTHOR: A. Oar"),
        ("heading", 2, "Early years"),
        ("paragraph", 0, "It rang."),
        ("paragraph", 0, "It sank."),
    ]
    assert [span.of(found.document.text) for span in found.spans] == ["It sank.", "Early years", "The Bell"]
    assert (found.label, found.group, found.document.title) == (ClaimLabel.PARTIALLY_SUPPORTED, "Bells", "The Bell")
    assert list(dataset.documents()) == [found.document]
    assert [claim.id for claim in load_dataset(tmp_path).claims()] == ["wice/train00001", "wice/dev00001"]
    assert list(dataset.questions()) == []


def test_parts_of_a_claim_share_their_page(tmp_path: Path) -> None:
    part = {"label": "supported", "supporting_sentences": [[0]], "claim": "It rang.", "evidence": ["It rang."]}
    write(tmp_path / "test.jsonl", *({**part, "meta": {"id": f"test1-{n}", "claim_title": "Bells"}} for n in range(2)))
    dataset = load_dataset(tmp_path)
    assert [claim.id for claim in dataset.claims()] == ["wice/test1-0", "wice/test1-1"]
    assert [document.id for document in dataset.documents()] == ["wice/test1"]


def judged(question: str) -> Record:
    def claim(text: str, support: str | None, *evidence: str) -> Record:
        return {"claim_string": text, "evidence": list(evidence), "support": support}

    claims = [
        claim("Bells ring [1].", "Complete", "[1] https://bells.example/a\n\nBells ring loudly.\n\nThey are brass."),
        claim(
            "They sank [2][3].", "Partial", "[2] https://bells.example/b\n\nOne sank.", "[3] https://bells.example/c"
        ),
        claim("They float.", "Incomplete", "[1] Bells are heavy."),
        claim("They sing.", "Missing"),
        claim("They hum [1].", "Complete", "[1] https://bells.example/a"),
        claim("They hush [1].", "N/A", "[1] https://bells.example/a\n\nHush."),
        claim("They hide [1].", None, "[1] https://bells.example/a\n\nHide."),
    ]
    answer = {"claims": claims, "revised_answer_string": "Bells ring [1] ."}
    return {
        "question": question,
        "annotator_id": "x",
        "answers": {"gpt": answer, "bing": {**answer, "claims": claims[:1]}},
    }


def test_what_was_quoted_of_a_page_is_a_document_and_gold_where_an_expert_found_that_it_carries_a_claim(
    tmp_path: Path,
) -> None:
    other = judged("Are bells heavy?")
    heavy = ["[4] http://bells.example/a\n\nA bell weighs a ton.", "[5] www.bells.example/d Some weigh more."]
    other["answers"]["gpt"]["claims"] = [
        {"claim_string": "They are.", "evidence": heavy, "support": "Complete"},
        {"claim_string": "All are.", "evidence": ["[6] https://bells.example/b\n\nOne sank."], "support": "Incomplete"},
    ]
    del other["answers"]["bing"]
    silent = judged("Do bells sing?") | {"answers": {}}
    write(tmp_path / "val_claims.jsonl", judged("Do bells  ring?"), other, silent)
    answers = [("Do bells ring?", "They do."), ("Are bells heavy?", "Very."), ("Do bells sing?", "No.")]
    asked = [{"example_id": n, "question": q, "answer": a} for n, (q, a) in enumerate(answers)]
    write(tmp_path / "val.jsonl", *asked)
    dataset = FORMATS["expertqa"].load(tmp_path, "val", name="bells-pages")
    documents = {document.id: document for document in dataset.documents()}
    assert {id_: document.text for id_, document in documents.items()} == {
        # One page by two schemes, each excerpt once, and what an expert gave no judgement on is there to be found.
        "bells-pages/bells.example/a": "\n\n".join(
            ["Bells ring loudly.", "They are brass.", "Hush.", "Hide.", "A bell weighs a ton."]
        ),
        "bells-pages/bells.example/b": "One sank.",
        "bells-pages/www.bells.example/d": "Some weigh more.",
    }
    golds = [[gold.spans[0].of(documents[gold.document_id].text) for gold in q.gold] for q in dataset.questions()]
    assert golds == [
        ["Bells ring loudly.\n\nThey are brass.", "One sank."],
        ["A bell weighs a ton.", "Some weigh more."],
    ]
    assert [question.references for question in dataset.questions()] == [("They do.",), ("Very.",)]
    assert dataset.files == (tmp_path / "val_claims.jsonl",)


def test_claims_are_those_that_can_be_judged(tmp_path: Path) -> None:
    write(tmp_path / "r2_compiled_anon.jsonl", judged("Do bells ring?"), judged("Do they sink?"))
    dataset = load_dataset(tmp_path)
    claims = list(dataset.claims())
    assert len({claim.id for claim in claims}) == len(claims) == 8
    assert [(claim.text, claim.label.value, claim.document.text) for claim in claims[:4]] == [
        ("Bells ring.", "supported", "Bells ring loudly.\n\nThey are brass."),
        ("They sank.", "partially_supported", "One sank."),
        ("They float.", "not_supported", "Bells are heavy."),
        ("Bells ring.", "supported", "Bells ring loudly.\n\nThey are brass."),
    ]
    assert len({claim.group for claim in claims}) == 2
    assert [question.references for question in dataset.questions()] == [("Bells ring .",)] * 2
    assert dataset.files == ()


def test_revised_answers_are_read_beside_the_claims(tmp_path: Path) -> None:
    for split in ("train", "val"):
        record = {"example_id": 0, "context": "", "question": f"Why {split}?", "answer": "Because ."}
        write(tmp_path / "lfqa" / f"rand_lfqa_{split}.json", record, {**record, "example_id": 1})
    write(tmp_path / "rand_val.jsonl", judged("Do bells ring?"))
    dataset = load_dataset(tmp_path, split="val")
    assert [question.text for question in dataset.questions()] == ["Why val?"] * 2
    assert len(list(dataset.claims())) == 4
    assert dataset.training is not None
    assert [question.text for question in dataset.training()] == ["Why train?"] * 2
    with pytest.raises(UsageError, match="train, val"):
        load_dataset(tmp_path, split="test")


# BEIR


def beir(folder: Path, *judgements: str, split: str = "test") -> Dataset:
    write(folder / "corpus.jsonl", *({"_id": f"d{n}", "title": f"Title {n}", "text": f"Text {n}."} for n in range(3)))
    write(
        folder / "corpus.jsonl",
        *(folder / "corpus.jsonl").read_text("utf-8").splitlines(),
        {"_id": 3, "title": "Only", "text": ""},
        {"_id": "empty", "title": "", "text": " "},
    )
    write(folder / "queries.jsonl", *({"_id": f"q{n}", "text": f"Query {n}?", "metadata": {}} for n in range(3)))
    write(folder / "qrels" / f"{split}.tsv", "query-id\tcorpus-id\tscore", *judgements)
    return load_dataset(folder, split=split)


def test_beir_asks_what_is_judged(tmp_path: Path) -> None:
    beir(tmp_path, "q0\td1\t1", "q2\td0\t0", split="train")
    dataset = beir(tmp_path, "q1\td0\t2", "q1\td2\t0", "q1\t3\t1", "q2\td1\t-1", "")
    assert {document.id: (document.title, document.text) for document in dataset.documents()} == {
        "d0": ("Title 0", "Text 0."),
        "d1": ("Title 1", "Text 1."),
        "d2": ("Title 2", "Text 2."),
        "3": ("Only", "Only"),
    }
    asked = {question.id: question for question in dataset.questions()}
    assert {id_: question.gold for id_, question in asked.items()} == {"q1": (Gold("d0"), Gold("3")), "q2": ()}
    assert (asked["q1"].marked, asked["q1"].mapped) == (2, 2)
    assert dataset.training is not None
    assert [question.id for question in dataset.training()] == ["q0", "q2"]
    assert [question.id for question in load_dataset(tmp_path, split="all").questions()] == ["q0", "q2", "q1"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q9\td0\t1", "no query 'q9'"),
        ("q0\td9\t1", "no document 'd9'"),
        ("q0\td0\t0.5", "'0.5' is no whole number"),
        ("q0\td0", "2 columns"),
        ("q0 0 d0 1", "1 columns"),
        ("q1\td1\t0", "judged already"),
    ],
)
def test_a_wrong_judgement_is_named(tmp_path: Path, line: str, message: str) -> None:
    dataset = beir(tmp_path, "q1\td1\t1", line)
    with pytest.raises(LoadError, match=rf"test\.tsv, line 3: .*{message}"):
        list(dataset.questions())


# ELI5


def test_long_form_questions_share_one_corpus(tmp_path: Path) -> None:
    write(
        tmp_path / "eli5_train.jsonl",
        {
            "question": "Why ring?",
            "answers": [{"text": "To warn."}, "To warn.", "To call."],
            "documents": ["A bell.", {"title": "Fog", "text": "Grey."}],
            "gold": [1],
        },
        {
            "question": "Why sink?",
            "answers": ["Weight."],
            "ctxs": ["A bell."],
            "positive_ctxs": [{"text": "Brass is heavy."}],
        },
    )
    write(
        tmp_path / "eli5-dev-kilt.jsonl",
        {"id": "k1", "input": "Why fog?", "output": [{"answer": "Cold."}, {"provenance": []}]},
    )
    dataset = load_dataset(tmp_path, split="train")
    documents = {document.id: document for document in dataset.documents()}
    assert [document.text for document in documents.values()] == ["A bell.", "Grey.", "Brass is heavy."]
    assert [document.title for document in documents.values()] == ["A bell.", "Fog", "Brass is heavy."]
    ring, sink = dataset.questions()
    assert ring.references == ("To warn.", "To call.")
    assert [documents[gold.document_id].text for question in (ring, sink) for gold in question.gold] == [
        "Grey.",
        "Brass is heavy.",
    ]
    dev = load_dataset(tmp_path, split="dev")
    assert [(question.id, question.references, question.gold) for question in dev.questions()] == [
        ("k1", ("Cold.",), ())
    ]
    assert dev.answers is AnswerLength.LONG
    assert dev.training is not None


# Malformed files of published formats


def malformed(folder: Path, kind: str) -> Dataset:
    """Write a data set whose second line of one file is wrong."""
    if kind.startswith("scisummnet"):
        scisummnet(folder)
        name = kind.partition("-")[2]
        lines = (folder / f"{name}.jsonl").read_text("utf-8").splitlines()
        write(folder / f"{name}.jsonl", lines[0], lines[0])
    elif kind == "rageval":
        write(folder / "docs.jsonl", *REPORTS)
        question = {
            "id": 1,
            "type": "Factual Question",
            "question": "Q?",
            "answer": "A",
            "gold_doc_ids": [1],
            "refs": [],
        }
        write(folder / "questions.jsonl", question, question | {"id": 2, "gold_doc_ids": [77]})
    elif kind == "wice":
        claim = {
            "label": "supported",
            "supporting_sentences": [[0]],
            "claim": "A.",
            "evidence": ["A."],
            "meta": {"id": "a"},
        }
        write(folder / "dev.jsonl", claim, claim | {"supporting_sentences": [[1]], "meta": {"id": "b"}})
    elif kind == "expertqa":
        write(folder / "val_claims.jsonl", judged("Q?"), {"question": "Q?", "annotator_id": "x", "answers": {"a": {}}})
    elif kind == "beir-corpus":
        beir(folder, "q0\td0\t1")
        write(folder / "corpus.jsonl", {"_id": "d0", "text": "A."}, {"_id": "d0", "text": "B."})
    elif kind == "beir-queries":
        beir(folder, "q0\td0\t1")
        write(folder / "queries.jsonl", {"_id": "q0", "text": "A?"}, {"_id": "q1"})
    else:
        write(
            folder / "dev.jsonl",
            {"question": "Q?", "answers": ["A."], "documents": ["D."], "gold": [0]},
            {"question": "R?", "answers": ["A."], "documents": ["D."], "gold": [1]},
        )
    return load_dataset(folder)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("scisummnet-papers", r"papers\.jsonl, line 2: .*'scisummnet/A00-1' is taken"),
        ("scisummnet-citances", r"citances\.jsonl, line 2: .*is taken"),
        ("rageval", r"questions\.jsonl, line 2: .*document 77 is not in the corpus"),
        ("wice", r"dev\.jsonl, line 2: .*supporting sentence 1 is none of the 1"),
        ("expertqa", r"val_claims\.jsonl, line 2: .*no field"),
        ("beir-corpus", r"corpus\.jsonl, line 2: .*'d0' is taken"),
        ("beir-queries", r"queries\.jsonl, line 2: .*no field 'text'"),
        ("eli5", r"dev\.jsonl, line 2: .*gold 1 is no position among the 1 documents"),
    ],
)
def test_a_malformed_data_set_is_named_with_its_line(tmp_path: Path, kind: str, message: str) -> None:
    dataset = malformed(tmp_path, kind)
    with pytest.raises(LoadError, match=message):
        assert [*dataset.documents(), *dataset.questions(), *dataset.claims()]


# The shared data


@pytest.mark.data
def test_shared_scisummnet() -> None:
    folder = shared("scisummnet")
    papers = list(load_dataset("scisummnet").documents())
    assert len(papers) == len(list(summaries(folder))) == 492
    with lzma.open(folder / "citances.jsonl.xz") as file:
        assert sum(1 for _ in file) == 7_454
    first = list(islice(citances(folder), 800))
    assert {gold.document_id for question in first for gold in question.gold} <= {paper.id for paper in papers}
    # Markers are gone, but for citances that are nothing else.
    marked = [question for question in first if ", 20" in question.text or "(20" in question.text]
    assert len(marked) < len(first) / 50


@pytest.mark.data
def test_shared_rageval() -> None:
    shared("rageval_finance")
    dataset = load_dataset("rageval_finance")
    texts = {document.id: document.text for document in dataset.documents()}
    questions = list(dataset.questions())
    assert (len(texts), len(questions), sum(not question.answerable for question in questions)) == (40, 1_574, 100)
    # Sentences, of which 20 are run together from two or differ from the report.
    assert sum(question.marked for question in questions) == 5_745
    assert sum(question.mapped for question in questions) == 5_725
    assert all(gold.spans for question in questions if question.mapped and question.hops == 1 for gold in question.gold)
    comparing = Counter(len(question.gold) for question in questions if question.type.startswith("Multi-document"))
    assert comparing == {2: 491}


@pytest.mark.data
def test_shared_wice_and_expertqa() -> None:
    shared("wice")
    claims = list(load_dataset("wice", split="dev").claims())
    assert Counter(claim.label.value for claim in claims) == {
        "partially_supported": 191,
        "supported": 115,
        "not_supported": 43,
    }
    assert len({claim.group for claim in claims}) == 308
    assert all(claim.spans for claim in claims if claim.label is not ClaimLabel.NOT_SUPPORTED)
    shared("expertqa")
    experts = load_dataset("expertqa", split="val")
    assert len(list(experts.questions())) == 216
    assert experts.training is not None
    assert len(list(experts.training())) == 1_734
    assert Counter(claim.label.value for claim in experts.claims()) == {
        "supported": 534,
        "not_supported": 160,
        "partially_supported": 47,
    }
