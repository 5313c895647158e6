"""The trained encoder–decoder as a reader: several drafts from numbered sources, of which the best supported is kept.

What it says is a proposal, as with any reader that writes. It proposes more than once, since its verifier can tell a
good draft from a bad one better than it can write a good one (best of n with a verifier, Cobbe et al. 2021).
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.errors import ModelError
from odqa.llm.device import choose_device
from odqa.models.about import FILE, read_about
from odqa.models.onnx_reader import GRAPHS_FILE
from odqa.protocols import Encoder, Verifier
from odqa.reader.answerable import Judgement, judge
from odqa.reader.bridge import find_bridge
from odqa.reader.candidates import MAX_CANDIDATES
from odqa.reader.chat.drafting import Drafting, draft_of
from odqa.reader.chat.packing import Read, by_value
from odqa.reader.chat.parse import AnswerParser
from odqa.reader.chat.sentences import Sources
from odqa.reader.extractive import ExtractiveReader
from odqa.reader.neural.choosing import Judge, Judged
from odqa.reader.neural.drafting import Drafter
from odqa.reader.neural.inputs import reads_summaries
from odqa.reader.question import analyse, resolve_style
from odqa.reader.untrusted import is_instruction, quarantined
from odqa.reader.verify import AlignmentVerifier
from odqa.reader.words import squeeze, unmarked
from odqa.schema import AnswerStyle, Draft, DraftSentence, Evidence, Style

if TYPE_CHECKING:
    from odqa.reader.neural.generation import Writer
    from odqa.settings import Settings

_NOTHING = "No passage was found that could answer this."
_MOST_SECTIONS = 4
_LEAST_WORDS = 60
"""Words of a part of an answer, at least."""
_LEAST_BRIDGED = 0.2
"""Probability that the evidence answers below which not even an answer of two hops is looked for."""


class FusionReader:
    """Answers with an encoder–decoder that was trained to cite (`odqa train reader`).

    The likeliest draft and others by chance are taken apart into sentences, and the verifier says which of them the
    sources support. The best draft is kept; see `odqa.reader.neural.choosing`. With one draft alone, sentences are
    given out as they are written.

    A model that was taught to copy copies from anything, so whether the evidence answers at all is judged first, as
    the extractive reader does.

    Args:
        model_name: as people know it.
        writer: loads the model, when the first question comes.
        verifier: gives the verifier, likewise.
        encoder: the index's, to judge by whether the evidence answers.
        drafts: how many are written.
        beams: beginnings pursued at once for the first of them.
        sources: passages that the model was taught to read at once; 0 takes as many as it tells apart.
        reads_summaries: it was taught with what the documents are about beside their passages.
    """

    name = "fusion"

    def __init__(
        self,
        model_name: str,
        writer: Callable[[], Writer],
        verifier: Callable[[], Verifier],
        *,
        encoder: Encoder | None = None,
        drafts: int = 4,
        beams: int = 1,
        sources: int = 0,
        reads_summaries: bool = False,
    ) -> None:
        self.reads_summaries = reads_summaries
        self.model_name, self.drafts, self.beams, self.sources = model_name, drafts, beams, sources
        self._load, self._make_verifier = writer, verifier
        self._parts: tuple[Writer, Verifier] | None = None
        self._extractive = ExtractiveReader(encoder)
        self._lock = threading.Lock()

    def draft(self, question: str, evidence: Sequence[Evidence], style: AnswerStyle) -> Draft:
        """Propose an answer, or say that the evidence is silent.

        Args:
            question: in words.
            evidence: best first.
            style: layout and length wanted.

        Raises:
            ModelError: the model cannot be loaded, or does not fit its device.
        """
        return draft_of(self.stream(question, evidence, style))

    def stream(
        self, question: str, evidence: Sequence[Evidence], style: AnswerStyle
    ) -> Iterator[DraftSentence | Draft]:
        """Yield each sentence once it is settled, then the whole draft; closing the iterator stops the model.

        The draft's confidence is the mean, over its sentences, of their support times the probability that the model
        gives to the tokens of the text they are from, the geometric mean.

        Args:
            question: in words.
            evidence: best first.
            style: layout and length wanted.

        Raises:
            ModelError: as `draft`.
        """
        layout, words = resolve_style(question, style)
        passages = [Read(n, kept) for n, item in enumerate(evidence) if (kept := quarantined(item)) is not None]
        judgement = self._judged(question, [read.item for read in passages])
        if judgement.refusal:
            yield Draft((), judgement.refusal, judgement.confidence)
            return
        writer, verifier = self._made()
        asked_judge = Judge(verifier, {read.index: read.item for read in passages})
        answer = _Answer(Drafting(self.model_name, Sources(question, passages), 0))
        answer.drafting.note_untrusted(len(evidence) - len(passages))
        most = min(self.sources or writer.most_sources, writer.most_sources)
        sections = _sections([read for read, _ in by_value(passages)], layout, words, most)
        seed = zlib.crc32(question.encode("utf-8", "replace"))
        for section in sections:
            length = words // len(sections)
            drafter = Drafter(writer, asked_judge, question, section.passages, length, answer.judged)
            if self.drafts == 1:
                said = drafter.stream(self.beams, seed)
            else:
                fill = layout is not Style.SHORT or style.words is not None
                said = iter(drafter.best(self.drafts, self.beams, seed, fill=fill))
            yield from answer.take(said, layout, section.heading)
            answer.drafting.usage += drafter.usage
        yield answer.finish(layout)

    def _made(self) -> tuple[Writer, Verifier]:
        """Return model and verifier, made by whoever asks first."""
        with self._lock:
            if self._parts is None:
                self._parts = self._load(), self._make_verifier()
            return self._parts

    def _judged(self, question: str, evidence: Sequence[Evidence]) -> Judgement:
        """Judge whether the evidence answers at all; two hops may, each of which is far from the question."""
        asked = analyse(question)
        weighed = self._extractive.weigh(asked, evidence, most=MAX_CANDIDATES) if evidence else None
        if weighed is None:
            return Judgement(_NOTHING, 0.0)
        relevance = self._extractive.judged_by(asked, weighed)
        judgement = judge(asked, weighed.candidates, evidence, relevance, dense=weighed.dense)
        is_near = judgement.confidence >= _LEAST_BRIDGED
        if (
            judgement.refusal
            and is_near
            and find_bridge(asked, weighed.candidates, weighed.relevance.total) is not None
        ):
            return Judgement("", judgement.confidence)
        return judgement


@dataclass(slots=True)
class _Answer:
    """What was drafted so far."""

    drafting: Drafting
    judged: list[Judged] = field(default_factory=list)
    headings: dict[int, str] = field(default_factory=dict)

    def take(self, said: Iterator[Judged], layout: Style, heading: str) -> Iterator[DraftSentence]:
        """Yield the sentences of a section, in the paragraph that each belongs to."""
        section = 1 + max((one.paragraph for one in self.drafting.sentences), default=-1)
        for one in said:
            paragraph = len(self.judged) if layout is Style.BULLETS else section
            sentence = replace(one.sentence, paragraph=paragraph)
            self.judged.append(one)
            self.drafting.sentences.append(sentence)
            if heading:
                self.headings[section] = heading
            yield sentence

    def finish(self, layout: Style) -> Draft:
        """Return the whole draft."""
        name = self.drafting.name
        draft = self.drafting.finish(AnswerParser(()), layout)
        if not draft.sentences:
            return replace(draft, refusal=f"Nothing that {name} drafted is supported by the passages that it read.")
        confidence = sum(one.support * one.probability for one in self.judged) / len(self.judged)
        return replace(draft, confidence=round(min(max(confidence, 0.0), 1.0), 4), headings=self.headings)


@dataclass(frozen=True, slots=True)
class _Section:
    """A part of a report: what stands over it, and what it is written from."""

    heading: str
    passages: Sequence[Read]


def _sections(passages: Sequence[Read], layout: Style, words: int, most: int) -> list[_Section]:
    """Return the parts of an answer, best first, none of them with more passages than the model reads at once.

    A report has a section for each document, or for each heading of the only one. Other long answers have a paragraph
    from the best passages, another from those that come next, and so on, as far as the length goes.

    Args:
        passages: best first.
        layout: of the answer.
        words: of the answer; no part is so short that nothing can be said in it.
        most: passages of a part.
    """
    parts = max(1, min(_MOST_SECTIONS, words // _LEAST_WORDS))
    if layout is Style.REPORT:
        documents = {read.item.document.id for read in passages}

        def title(read: Read) -> str:
            item = read.item
            found = item.document.title if len(documents) > 1 else "".join(item.section.path[-1:])
            return "" if is_instruction(found) else squeeze(unmarked(found))

        order = {name: place for place, name in reversed(list(enumerate(map(title, passages))))}
        grouped = groupby(sorted(passages, key=lambda read: order[title(read)]), key=title)
        found = [_Section(name, list(group)[:most]) for name, group in islice(grouped, parts)]
        if len(found) > 1:
            return found
    return [_Section("", passages[start : start + most]) for start in range(0, len(passages), most)][:parts]


def make_fusion(settings: Settings, encoder: Encoder, verifier: Callable[[], Verifier] | None = None) -> FusionReader:
    """Return the trained reader of a folder; its model is loaded when the first question comes.

    Args:
        settings: `reader` is the folder; device, threads, drafts and beams.
        encoder: the index's.
        verifier: gives the verifier that chooses among drafts; if None, the one that needs no model.

    Raises:
        ModelError: the folder holds no trained reader, or torch is missing.
    """
    folder = Path(settings.reader).expanduser()
    if not (folder / "config.json").is_file() and not (folder / GRAPHS_FILE).is_file():
        raise ModelError(f"{folder} holds no trained reader", "give a name or folder that `odqa train reader` wrote")
    device = choose_device(settings.device)

    def load() -> Writer:
        return load_writer(folder, device, settings.threads)

    return FusionReader(
        folder.resolve().name,
        load,
        verifier or (lambda: AlignmentVerifier(encoder)),
        encoder=encoder,
        drafts=settings.drafts,
        beams=settings.beams,
        sources=_taught(folder),
        reads_summaries=reads_summaries(folder),
    )


def _taught(folder: Path) -> int:
    """Return how many sources a model was taught to read at once, as its card says; 0 where it does not say."""
    if not (folder / FILE).is_file():
        return 0
    course = read_about(folder).settings.get("course")
    known = course.get("sources") if isinstance(course, Mapping) else None
    return known if type(known) is int and known > 0 else 0


def load_writer(folder: Path, device: str, threads: int = 0) -> Writer:
    """Return a trained model, ready to write: in bfloat16 where a GPU computes.

    Args:
        folder: of the model, or of the graphs that it was exported as.
        device: as torch names it; graphs compute on the processor.
        threads: of the processor; 0 leaves them as they are.

    Raises:
        ModelError: it is damaged or of another kind, or torch is missing.
    """
    try:
        import torch

        from odqa.reader.neural.folder import open_reader_model
        from odqa.reader.neural.generation import Writer
    except ImportError as error:
        raise ModelError(f"a trained reader needs torch and transformers: {error}", "pip install torch") from error
    if threads:
        torch.set_num_threads(threads)
    if (folder / GRAPHS_FILE).is_file():
        from odqa.reader.neural.graphs import open_graphs

        return Writer(*open_graphs(folder, threads))
    model, tokenizer = open_reader_model(folder, device)
    if device != "cpu":
        whole: Any = model
        model = whole.to(torch.bfloat16)
    return Writer(model, tokenizer)
