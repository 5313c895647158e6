"""odqa's own parts pass the checks that it offers to those who write others; broken parts do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from odqa import testing
from odqa.engine import Engine
from odqa.errors import ConfigError, ModelError
from odqa.index.encoder import MiniLMEncoder
from odqa.index.hashing import HashingEncoder
from odqa.index.summary.make import make_summarizer
from odqa.models import write_card
from odqa.parts import make_reader, make_verifier
from odqa.registry import names, resolve
from odqa.schema import AnswerStyle, Document, Draft, DraftSentence, Evidence, Span
from odqa.settings import Settings

LIBRARY = Path(__file__).resolve().parents[1] / "examples" / "library"
SAMPLES = {
    "text": ["chronicle.txt", "interview-dock-foreman.txt"],
    "markdown": ["harbour-commission-report.md", "letters-of-the-harbour-master.md"],
    "html": ["breakwater-page.html"],
    "pdf": ["engineers-survey.pdf"],
    "table": ["costs.csv", "contractors.tsv"],
    "transcript": ["council-meeting-1994-03-17.vtt", "radio-the-boat-comes-back.srt"],
    "jsonl": ["museum-catalogue.jsonl"],
}
QUESTION = "Why was the second pier delayed?"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    index = tmp_path_factory.mktemp("parts") / "library.odqa"
    with Engine.build(LIBRARY, index, settings=Settings(encoder="hashing")) as engine:
        yield engine


def test_there_is_a_sample_for_every_loader() -> None:
    assert set(SAMPLES) == set(names("loaders", installed=False))


@pytest.mark.parametrize("name", SAMPLES)
def test_loaders(name: str) -> None:
    testing.check_loader(resolve("loaders", name)(), *(LIBRARY / sample for sample in SAMPLES[name]))


@pytest.mark.parametrize("encoder", [MiniLMEncoder, HashingEncoder])
def test_encoders(encoder: type[MiniLMEncoder] | type[HashingEncoder]) -> None:
    testing.check_encoder(encoder(Settings()))


@pytest.mark.parametrize("encoder", [MiniLMEncoder, HashingEncoder])
def test_encoders_of_sentences(encoder: type[MiniLMEncoder] | type[HashingEncoder]) -> None:
    testing.check_sentence_encoder(encoder(Settings()))


def test_the_vector_of_a_question_is_the_callers_own() -> None:
    encoder = MiniLMEncoder(Settings())
    first = encoder.encode([QUESTION], kind="query")
    kept = first.copy()
    first[:] = 0
    assert np.array_equal(encoder.encode([QUESTION], kind="query"), kept)
    assert not np.array_equal(encoder.encode(["Who paid?"], kind="query"), kept)


def test_summarizer(engine: Engine) -> None:
    summarizer = make_summarizer(Settings(encoder="hashing"), HashingEncoder(Settings(encoder="hashing")))
    for number in engine.snapshot.live_documents():
        testing.check_summarizer(summarizer, engine.snapshot.parsed(number))


def test_retriever(engine: Engine) -> None:
    testing.check_retriever(engine.retriever, QUESTION, 12)


def test_reader_and_verifier(engine: Engine) -> None:
    evidence = engine.search(QUESTION, 12)
    testing.check_reader(engine.reader, QUESTION, evidence)
    passage = evidence[0].passage
    said = passage.sentences[0].of(evidence[0].document.text)
    testing.check_verifier(engine.verifier, evidence, said, "The moon is made of 4,711 tons of green cheese.")


class _LongVectors(HashingEncoder):
    def encode(self, texts: Sequence[str], *, kind: str = "passage") -> np.ndarray:  # type: ignore[override]
        return super().encode(texts) * 2


class _Mute(HashingEncoder):
    def encode_with_sentences(
        self, texts: Sequence[str], spans: Sequence[Sequence[Span]]
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        return self.encode(texts), []


class _Inventor:
    name = "inventor"

    def draft(self, question: str, evidence: Sequence[Evidence], style: AnswerStyle) -> Draft:
        return Draft((DraftSentence("It was the tide.", (len(evidence),)),), "", 1.0)


def test_checks_find_what_is_broken(engine: Engine) -> None:
    with pytest.raises(AssertionError, match="length one"):
        testing.check_encoder(_LongVectors())
    with pytest.raises(AssertionError, match="one array for each text"):
        testing.check_sentence_encoder(_Mute())
    with pytest.raises(AssertionError, match="evidence not given"):
        testing.check_reader(_Inventor(), QUESTION, engine.search(QUESTION, 3))
    document = engine.snapshot.document(0)
    with pytest.raises(AssertionError, match="overlap"):
        testing.check_document(replace(document, blocks=(*document.blocks, document.blocks[0])))
    with pytest.raises(AssertionError, match="no block"):
        testing.check_document(replace(document, blocks=document.blocks[:-1]))

    class Forgetful:
        suffixes = (".txt",)

        def load(self, path: Path) -> Iterator[Document]:
            yield from ()

    with pytest.raises(AssertionError, match="no document came out"):
        testing.check_loader(Forgetful(), LIBRARY / "chronicle.txt")


def test_unknown_names_of_readers_and_verifiers_are_told_which_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODQA_MODELS", str(tmp_path))
    encoder = HashingEncoder()
    with pytest.raises(ConfigError, match=r"no reader called 'extractve' \(extractive, chat, or a trained reader's"):
        make_reader(Settings(reader="extractve"), encoder)
    # The part behind all trained readers is none by itself.
    with pytest.raises(ConfigError, match="no reader called 'fusion'"):
        make_reader(Settings(reader="fusion"), encoder)
    with pytest.raises(ConfigError, match="no reader called"):
        make_reader(Settings(reader=str(tmp_path / "nothing")), encoder)
    with pytest.raises(ConfigError, match=r"no verifier called 'lexical' \(lexical-semantic, a model's folder"):
        make_verifier(Settings(verifier="lexical"), encoder)
    with pytest.raises(ModelError, match="no trained reader"):
        make_reader(Settings(reader=str(tmp_path), device="cpu"), encoder)


def test_a_model_of_the_store_is_found_by_name_and_only_for_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODQA_MODELS", str(tmp_path))
    (tmp_path / "mine").mkdir()
    write_card(tmp_path / "mine", {"kind": "verifier"})
    with pytest.raises(ModelError, match="mine is a verifier, not a reader"):
        make_reader(Settings(reader="mine"), HashingEncoder())


def test_a_reader_of_somebody_else_is_given_settings_and_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []

    def factory(settings: Settings, encoder: HashingEncoder) -> _Inventor:
        given.extend([settings, encoder])
        return _Inventor()

    monkeypatch.setattr("odqa.parts.is_known", lambda kind, name: True)
    monkeypatch.setattr("odqa.parts.resolve", lambda kind, name: factory)
    settings, encoder = Settings(reader="inventor"), HashingEncoder()
    assert isinstance(make_reader(settings, encoder, lambda: pytest.fail("not asked for")), _Inventor)
    assert given == [settings, encoder]
