"""Rerankers score as their references do, keep within their limits, and lose nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from odqa.errors import ConfigError, ModelError
from odqa.index.encoder import MiniLMEncoder, SentenceTransformersEncoder, bundled_minilm
from odqa.index.hashing import HashingEncoder
from odqa.retriever.cross_encoder import CrossEncoderReranker
from odqa.retriever.maxsim import MaxSimReranker, likest_tokens, weighted_mean
from odqa.retriever.rerank import batches_in_time, make_reranker, passage_input, reordered
from odqa.schema import Document, Evidence, Passage, Section, Span
from odqa.settings import Settings
from odqa.testing import check_reranker

QUESTION = "why was the second pier delayed ?"
TEXTS = [
    "the council asked nobody",
    "the commission paid for the harbour in spring",
    "",
    "the second pier was delayed because nobody had tested the silt",
    "silt " * 300,
    "?",
]


def found(texts: Sequence[str] = TEXTS) -> list[Evidence]:
    """Evidence in falling order of its scores."""
    items = []
    for place, text in enumerate(texts):
        document = Document(f"d{place}", "the harbour", text, ())
        span = Span(0, len(text))
        section, passage = Section(0, "", (), span), Passage(f"d{place}", 0, 0, span, (span,), context="the harbour")
        items.append(Evidence(document, section, passage, 1.0 - place / 10, {"dense": 0.5}))
    return items


def standardized(values: Sequence[float]) -> NDArray[np.float64]:
    array = np.array(values, np.float64)
    return (array - array.mean()) / array.std()


@pytest.fixture(scope="module")
def minilm() -> MiniLMEncoder:
    return MiniLMEncoder(Settings())


# What rerankers share.


def test_scores_meet_standardised_and_what_was_not_read_stays_behind() -> None:
    evidence = found(["a", "b", "c", "d", "e"])
    ranked = reordered(evidence, np.array([0.0, 0.5, 2.0], np.float32), "model", 0.5)
    total = standardized([1.0, 0.9, 0.8]) + standardized([0.0, 0.5, 2.0])
    assert [item.document.id for item in ranked] == [f"d{place}" for place in (*np.argsort(-total), 3, 4)]
    assert [item.score for item in ranked] == [1.0, 0.9, 0.8, 0.7, 0.6]
    assert [item.scores.get("model") for item in ranked[3:]] == [None, None]
    assert {item.document.id: item.scores["fused"] for item in ranked} == {e.document.id: e.score for e in evidence}
    assert all(item.scores["dense"] == 0.5 for item in ranked)
    # A model that has nothing to say changes nothing.
    assert [item.document.id for item in reordered(evidence, np.ones(5, np.float32), "model", 1.0)] == [
        item.document.id for item in evidence
    ]


def test_batches_go_down_the_list_within_tokens_and_time() -> None:
    lengths = [int(n) for n in np.random.default_rng(0).integers(1, 300, 200)]
    batches = list(batches_in_time(lengths, Settings(rerank_ms=0, batch_tokens=1024)))
    assert [item for batch in batches for item in batch] == list(range(200))
    assert all(max(lengths[i] for i in batch) * len(batch) <= 1024 for batch in batches)
    assert list(batches_in_time([5000, 1], Settings(rerank_ms=0))) == [[0], [1]]
    assert list(batches_in_time([], Settings())) == []
    read = []
    for batch in batches_in_time([1000] * 50, Settings(rerank_ms=40)):
        read += batch
        time.sleep(0.015)
    assert read in ([0], [0, 1])
    slow = batches_in_time([1000] * 50, Settings(rerank_ms=1))
    assert next(slow) == [0]  # However slow, something is read.
    time.sleep(0.01)
    assert next(slow, None) is None


def test_names_lead_to_rerankers(minilm: MiniLMEncoder) -> None:
    assert make_reranker(Settings(reranker="none"), minilm) is None
    assert isinstance(make_reranker(Settings(reranker="maxsim"), minilm), MaxSimReranker)
    with pytest.raises(ModelError, match="reranker 'no/such-model' cannot be loaded"):
        make_reranker(Settings(reranker="no/such-model"), minilm)
    with pytest.raises(ConfigError, match=r"maxsim.*hashing"):
        MaxSimReranker(Settings(), HashingEncoder())


# Late interaction.


def test_likest_tokens_by_hand() -> None:
    x, y, half = [1.0, 0.0], [0.0, 1.0], [0.6, 0.8]
    query = np.array([x, y], np.float32)
    passages = [np.array([y, half], np.float32), np.zeros((0, 2), np.float32), np.array([[-1.0, 0.0]], np.float32)]
    likest = likest_tokens(query, passages)
    np.testing.assert_allclose(likest, [[0.6, 0, 0], [1, 0, 0]])
    # The first token is .2 like on average and the second one .333: weights .8 and .667.
    np.testing.assert_allclose(weighted_mean(likest), [(0.8 * 0.6 + 0.6667 * 1) / 1.46667, 0, 0], rtol=1e-4)
    assert weighted_mean(np.zeros((0, 3), np.float32)).tolist() == [0, 0, 0]


def test_maxsim_is_that_of_each_pair_of_tokens(minilm: MiniLMEncoder) -> None:
    evidence = found()
    query = minilm.token_vectors([QUESTION], kind="query")[0]
    passages = [minilm.token_vectors([passage_input(item)])[0] for item in evidence]
    likest = np.array([[max(float(q @ token) for token in passage) for passage in passages] for q in query])
    weights = 1 - likest.mean(1)
    expected = (weights / weights.sum()) @ likest
    ranked = MaxSimReranker(Settings(rerank_ms=0, batch_tokens=512), minilm).rerank(QUESTION, evidence)
    scores = {item.document.id: item.scores["maxsim"] for item in ranked}
    np.testing.assert_allclose([scores[f"d{n}"] for n in range(len(TEXTS))], expected, atol=1e-4)
    assert ranked[0].document.id == "d3"


def test_maxsim_keeps_what_it_is_given_and_its_limit(minilm: MiniLMEncoder) -> None:
    reranker = MaxSimReranker(Settings(rerank_ms=0, rerank_passages=4), minilm)
    check_reranker(reranker, QUESTION, found())
    ranked = reranker.rerank(QUESTION, found())
    assert ["maxsim" in item.scores for item in ranked] == [True] * 4 + [False] * 2
    assert [item.document.id for item in ranked[4:]] == ["d4", "d5"]
    assert all(a.score >= b.score for a, b in pairwise(ranked))
    assert [item.document.id for item in reranker.rerank("?!", found())] == [item.document.id for item in found()]


def test_token_vectors_are_the_models_without_marks(minilm: MiniLMEncoder) -> None:
    texts = ["The pier, delayed: why?!", "", "naïve café — 価格", "pier " * 400]
    ours = minilm.token_vectors(texts)
    assert [len(vectors) for vectors in ours[:2]] == [4, 0]
    assert len(ours[3]) == minilm.max_tokens - 2
    for vectors in ours[2:]:
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    reference = SentenceTransformersEncoder(bundled_minilm(), Settings()).token_vectors(texts)
    assert [vectors.shape for vectors in reference] == [vectors.shape for vectors in ours]
    for mine, other in zip(ours, reference, strict=True):
        np.testing.assert_allclose(mine, other, atol=2e-5)
    assert minilm.token_vectors([]) == []


def test_token_vectors_of_transformers_by_hand(minilm: MiniLMEncoder) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = (kind.from_pretrained(bundled_minilm()) for kind in (AutoTokenizer, AutoModel))
    with torch.inference_mode():
        states = model.eval()(**tokenizer("the pier .", return_tensors="pt")).last_hidden_state[0, 1:3].numpy()
    expected = states / np.linalg.norm(states, axis=1, keepdims=True)
    np.testing.assert_allclose(minilm.token_vectors(["the pier ."])[0], expected, atol=2e-5)


# Cross-encoders.


def tiny_bert(folder: Path, *, labels: int = 1, head: bool = True) -> Path:
    """Save a random BERT of one layer with a tokenizer of its own; it reads 64 tokens."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, BertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = [*special, *dict.fromkeys(" ".join([QUESTION, *TEXTS, "the harbour"]).split())]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        model_max_length=64, model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )  # fmt: skip
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=64, num_labels=labels, initializer_range=0.5,
    )  # fmt: skip
    (BertForSequenceClassification if head else BertModel)(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("cross-encoder"))


def settings(folder: Path, **changes: Any) -> Settings:
    return Settings(reranker=str(folder), rerank_ms=0, device="cpu", **changes)


def test_cross_encoder_scores_are_those_of_transformers(cross_encoder: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(cross_encoder)
    model = AutoModelForSequenceClassification.from_pretrained(cross_encoder).eval()
    evidence, expected = found(), []
    for item in evidence:
        features = tokenizer(QUESTION, passage_input(item), truncation=True, max_length=64, return_tensors="pt")
        with torch.inference_mode():
            expected.append(float(model(**features).logits[0, 0]))
    reranker = make_reranker(settings(cross_encoder, batch_tokens=256), HashingEncoder())
    assert isinstance(reranker, CrossEncoderReranker)
    ranked = reranker.rerank(QUESTION, evidence)
    scores = {item.document.id: item.scores["cross_encoder"] for item in ranked}
    np.testing.assert_allclose([scores[f"d{n}"] for n in range(len(TEXTS))], expected, atol=1e-4)
    total = 0.7 * standardized(expected) + 0.3 * standardized([item.score for item in evidence])
    assert [item.document.id for item in ranked] == [f"d{n}" for n in np.argsort(-total)]


def test_cross_encoder_keeps_what_it_is_given_and_its_limit(cross_encoder: Path) -> None:
    reranker = CrossEncoderReranker(settings(cross_encoder, rerank_passages=2))
    check_reranker(reranker, QUESTION, found())
    ranked = reranker.rerank(QUESTION, found())
    assert ["cross_encoder" in item.scores for item in ranked] == [True, True, False, False, False, False]


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no cross-encoder but BertModel"):
        CrossEncoderReranker(settings(tiny_bert(tmp_path / "encoder", head=False)))
    with pytest.raises(ModelError, match="gives 3 scores"):
        CrossEncoderReranker(settings(tiny_bert(tmp_path / "classes", labels=3)))


def test_only_safetensors_are_loaded_and_no_code(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "model")
    weights = folder / "model.safetensors"
    weights.rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="cannot be loaded"):
        CrossEncoderReranker(settings(folder))
    weights.write_bytes(b"damaged")
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        CrossEncoderReranker(settings(folder))
    assert "\n" not in str(caught.value)
    config = folder / "config.json"
    auto = {"AutoConfig": "evil.Config", "AutoModelForSequenceClassification": "evil.Model"}
    config.write_text(json.dumps(json.loads(config.read_text()) | {"auto_map": auto, "model_type": "evil"}))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(ModelError, match="cannot be loaded"):
        CrossEncoderReranker(settings(folder))
    assert not (tmp_path / "ran").exists()


def test_a_missing_gpu_is_one_clear_line(cross_encoder: Path) -> None:
    if any(Path(p).exists() for p in ("/dev/nvidia0", "/dev/dxg")):
        pytest.skip("this machine has a GPU")
    with pytest.raises(ModelError, match="CUDA"):
        CrossEncoderReranker(settings(cross_encoder).replace(device="cuda"))
