from __future__ import annotations

import json
import random

import numpy as np
import pytest
from typer.testing import CliRunner

from odqa.data.builder import DocumentBuilder
from odqa.data.datasets import ClaimLabel, Dataset, GoldSummary, LabelledClaim
from odqa.data.passages import parse
from odqa.errors import ModelError, UsageError
from odqa.evaluate.grounding.exhibits import whole
from odqa.learn.loop import Schedule
from odqa.learn.verifier.calibrate import Row, cross_validated, cross_validated_names, fit, fit_names, score
from odqa.learn.verifier.examples import Pair, built, labelled
from odqa.learn.verifier.export import export
from odqa.learn.verifier.lessons import draw
from odqa.learn.verifier.names import Filler, fillers
from odqa.learn.verifier.train import CrossEncoder, fine_tune, judged
from odqa.reader.grounding.features import BINDING, NAMES
from odqa.reader.grounding.scorers import OnnxScorer, TransformersScorer
from tests import grounders

TOWNS = ("Dalton", "Brackwater", "Port Alder", "Cape Morrow", "Lisbon", "Lyon", "Stockholm", "Oxford")


def _document(number: int):
    town = TOWNS[number % len(TOWNS)]
    builder = DocumentBuilder(f"{town}{number}.md", title=town)
    builder.paragraph(
        f"The second pier of {town} was closed in the spring of {1900 + number}. "
        f"Thomas Reed had tested the silt below the harbour {number + 3} times. "
        "The ferries came again in autumn with Margaret Ellis on board. "
        "Nobody paid for the repairs of the old customs house. "
        "A museum shows the bell and the maps of the harbour today."
    )
    return builder.build()


def _dataset(*, claims: bool) -> Dataset:
    documents = [_document(number) for number in range(16)]

    def told():
        for n, document in enumerate(documents):
            year = 1900 + n
            text = f"The second pier was closed in spring {year} with Margaret Ellis on board."
            yield GoldSummary(document.id, (f"{text} Thomas Reed tested the silt {n + 3} times below the harbour.",))

    def asked():
        for n, document in enumerate(documents):
            spans = ()
            yield LabelledClaim(
                f"{n}a", f"The pier was closed in spring {1900 + n}.", document, ClaimLabel.SUPPORTED, spans, f"{n}"
            )
            yield LabelledClaim(
                f"{n}b", f"Bakers of {n + 90} villages baked bread, which made everyone rich.", document,
                ClaimLabel.NOT_SUPPORTED, spans, f"{n}",
            )  # fmt: skip

    nothing = Dataset("toy", documents=lambda: iter(documents), summaries=told)
    return Dataset("toy", documents=lambda: iter(documents), claims=asked) if claims else nothing


def test_pairs_are_built_from_summaries():
    pairs = list(built(_dataset(claims=False), random.Random(1)))
    kinds = {pair.kind for pair in pairs}
    assert {"true", "number", "negation"} <= kinds
    for pair in pairs:
        assert pair.supported == (pair.kind == "true")
        assert pair.evidence
    for pair in (pair for pair in pairs if pair.kind == "number"):
        assert pair.claim not in {other.claim for other in pairs if other.supported and other.group == pair.group}
    assert pairs == list(built(_dataset(claims=False), random.Random(1)))


def test_labelled_claims_are_pairs_with_the_place_they_rest_on():
    pairs = list(labelled(_dataset(claims=True)))
    assert len(pairs) == 32
    true = [pair for pair in pairs if pair.supported]
    assert len(true) == 16
    assert all("second pier" in pair.evidence for pair in true)


def _toy_pairs(n: int) -> list[Pair]:
    rng = random.Random(3)
    words = ["pier", "harbour", "spring", "silt", "ferries", "mayor"]
    pairs = []
    for number in range(n):
        a, b = rng.sample(words, 2)
        supported = number % 2 == 0
        pairs.append(
            Pair(f"the {a} opened", f"the {b} {'opened' if supported else 'never'} .", supported, str(number), "x")
        )
    return pairs


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    encoder = CrossEncoder.start(grounders.encoder(tmp_path_factory.mktemp("base")), trained_layers=2)
    pairs = _toy_pairs(96)
    run = fine_tune(encoder, pairs[:72], pairs[72:], Schedule(epochs=6, batch=8, rate=3e-3))
    return encoder, run


def test_a_toy_is_learned_in_seconds(taught):
    _, run = taught
    assert max(run.held_out) > 0.95


def test_without_torch_it_says_the_same(taught, tmp_path):
    encoder, _ = taught
    pairs = [("the pier opened", "the harbour opened ."), ("the silt opened", "the mayor never .")]
    wanted = encoder.scores(pairs)
    card = {"max_tokens": encoder.max_tokens, "evidence_words": 80, "regressions": {}}
    for quantize, near in ((False, 1e-4), (True, 0.5)):
        folder = tmp_path / str(quantize)
        export(encoder, folder, quantize=quantize)
        (folder / "verifier.json").write_text(json.dumps(card))
        exported = OnnxScorer(folder, 1)
        found = [exported.margins(claim, [evidence])[0] for claim, evidence in pairs]
        assert found == pytest.approx(wanted.tolist(), abs=near)
    loaded = TransformersScorer(str(tmp_path / "False"), "cpu")
    assert [loaded.margins(c, [e])[0] for c, e in pairs] == pytest.approx(wanted.tolist(), abs=1e-4)


def test_frozen_layers_and_embeddings_stay(tmp_path):
    encoder = CrossEncoder.start(grounders.encoder(tmp_path), trained_layers=1)
    before = {name: value.clone() for name, value in encoder.model.named_parameters()}
    fine_tune(encoder, _toy_pairs(16), [], Schedule(epochs=1, batch=8, rate=0.01))
    changed = {name for name, value in encoder.model.named_parameters() if not value.equal(before[name])}
    assert any("layer.1" in name for name in changed)
    assert not any("layer.0" in name or "embeddings" in name for name in changed)


def test_a_folder_without_an_encoder_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="no encoder"):
        CrossEncoder.start(tmp_path)


def _rows(n: int) -> list[Row]:
    rng = np.random.default_rng(5)
    rows = []
    for number in range(n):
        values = np.zeros((1, len(NAMES) + 1))
        supported = bool(number % 2)
        values[0, NAMES.index("cover")] = np.clip(rng.normal(0.7 if supported else 0.4, 0.15), 0, 1)
        values[0, NAMES.index("run")] = rng.random()
        rows.append(Row(str(number), supported, "claim", values, np.array([False])))
    return rows


def test_a_regression_finds_what_tells_classes_apart_and_keeps_its_sign():
    rows = _rows(200)
    logistic = fit(rows, ["cover", "run"])
    assert logistic.weights["cover"] > 1
    assert 0 <= logistic.weights["run"] < 0.3 * logistic.weights["cover"]
    upside_down = [Row(row.group, not row.supported, row.kind, row.values, row.vetoed) for row in rows]
    assert fit(upside_down, ["cover"]).weights["cover"] == 0
    probabilities = [score(row, logistic) for row in sorted(rows, key=lambda row: row.values[0, NAMES.index("cover")])]
    assert np.corrcoef(probabilities, np.arange(200))[0, 1] > 0.9
    assert cross_validated(rows, ["cover", "run"])["balanced_accuracy"] > 0.75


def test_a_veto_is_under_the_threshold_however_good_the_rest():
    row = _rows(2)[1]
    logistic = fit(_rows(100), ["cover"])
    vetoed = Row(row.group, True, "claim", np.ones_like(row.values), np.array([True]))
    assert score(Row(row.group, True, "claim", np.ones_like(row.values), np.array([False])), logistic) > 0.5
    assert score(vetoed, logistic) <= 0.25


def test_claims_that_are_all_alike_calibrate_nothing():
    with pytest.raises(UsageError, match="alike"):
        fit([row for row in _rows(10) if row.supported], ["cover"])


def test_pairs_are_drawn_and_divided_by_group():
    summaries, claims = _dataset(claims=False), _dataset(claims=True)
    lessons = draw([summaries, claims], pairs=80)
    assert lessons.examples == (len(lessons.learned), 0)  # The claims calibrate.
    assert lessons.held_out
    assert not {pair.group for pair in lessons.learned} & {pair.group for pair in lessons.held_out}
    assert "claim" not in {pair.kind for pair in (*lessons.learned, *lessons.held_out)}
    assert lessons == draw([summaries, claims], pairs=80)
    assert lessons.fingerprint != draw([summaries, claims], pairs=79, seed=14).fingerprint


def test_judging_counts_both_classes_alike(taught):
    encoder, run = taught
    pairs = _toy_pairs(96)[72:]
    found = judged(encoder, pairs)
    assert found == pytest.approx(dict(run.judgements)[run.best], abs=1e-6)
    lopsided = judged(encoder, [*pairs, *(pair for pair in pairs if pair.supported)])
    assert lopsided == pytest.approx(found, abs=1e-6)
    margins = encoder.scores([(pair.claim, pair.evidence) for pair in pairs])
    likely = 1 / (1 + np.exp(-margins))
    by_class = [
        np.mean([-np.log(p if one else 1 - p) for p, pair in zip(likely, pairs, strict=True) if pair.supported is one])
        for one in (True, False)
    ]
    assert found["loss"] == pytest.approx(np.mean(by_class))


def test_the_command_needs_claims(tmp_path):
    from odqa.cli import make_app

    result = CliRunner().invoke(
        make_app("train"), ["train", "verifier", str(tmp_path / "nothing"), "-o", str(tmp_path / "out")]
    )
    assert result.exit_code != 0
    assert "Traceback" not in result.output


def _fillers(label: ClaimLabel, seed: int = 1) -> list[Filler]:
    found = []
    for number in range(24):
        document = _document(number)
        text = f"The silt below the harbour was tested {number + 3} times by Thomas Reed."
        exhibit = whole(parse(document, lambda texts: [len(text.split()) for text in texts]))
        claim = LabelledClaim(str(number), text, document, label, (), str(number))
        found += fillers(claim, [exhibit], random.Random(seed))
    return found


def test_names_of_supported_claims_are_swapped_for_those_near_by():
    found = _fillers(ClaimLabel.SUPPORTED)
    assert {one.bound.name.text for one in found if one.fits} == {"Thomas Reed"}
    swapped = {one.bound.name.text for one in found if not one.fits}
    assert "Margaret Ellis" in swapped
    assert "Thomas Reed" not in swapped
    assert found == _fillers(ClaimLabel.SUPPORTED)
    assert not _fillers(ClaimLabel.NOT_SUPPORTED)


def test_a_regression_tells_names_from_what_was_put_in_their_place():
    found = _fillers(ClaimLabel.SUPPORTED)
    naming = fit_names(found)
    assert set(naming.weights) == set(BINDING)
    assert naming.weights["own"] >= 0 >= naming.weights["other"]
    assert cross_validated_names(found)["roc_auc"] > 0.95
    with pytest.raises(UsageError, match="names to swap"):
        fit_names([one for one in found if one.fits])


def test_a_name_out_of_place_is_a_veto():
    found = _fillers(ClaimLabel.SUPPORTED)
    naming, logistic = fit_names(found), fit(_rows(100), ["cover"])
    own = next(one.bound for one in found if one.fits)
    other = next(one.bound for one in found if not one.fits and one.bound.name.text == "Margaret Ellis")
    values = np.ones((1, len(NAMES) + 1))
    scores = [score(Row("0", True, "x", values, np.array([False]), [(one,)]), logistic, naming) for one in (own, other)]
    assert scores[0] > 0.5
    assert scores[1] <= 0.25
