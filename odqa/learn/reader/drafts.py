"""Self-training: what the reader writes from the sources of a question, as far as the verifier finds it there.

A reader drafts several answers; the sentences that are supported make one that it can learn from (rejection sampling
fine-tuning, as in STaR, Zelikman et al. 2022). What is not supported is never taught.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from odqa.data.builder import DocumentBuilder
from odqa.data.passages import parse
from odqa.learn.reader.examples import Example, Said
from odqa.learn.reader.questions import Teaching
from odqa.learn.reader.sentences import items_of
from odqa.reader.neural.casing import Casing
from odqa.reader.neural.sources import asked
from odqa.reader.words import content_stems, count_words, squeeze, unmarked
from odqa.schema import Evidence

if TYPE_CHECKING:
    from odqa.reader.neural.encoder_decoder import FusionModel
    from odqa.reader.neural.inputs import FusionTokenizer, Source

_CANDIDATES = 4
_TOP_P = 0.9
_FEWEST_WORDS = 5
_REPEATED = 0.6


@dataclass(frozen=True, slots=True)
class Drafts:
    """Drafts of a model, verified.

    Attributes:
        model: that writes, as it is when they are asked for.
        tokenizer: of the model.
        teaching: holds the verifier.
        seed: of what is drawn.
    """

    model: FusionModel
    tokenizer: FusionTokenizer
    teaching: Teaching
    seed: int

    def examples(self, given: Iterable[Example]) -> Iterator[Example]:
        """Yield an example for each question of which a draft is supported in part at least.

        Args:
            given: questions with sources; their answers say how long a draft may be, and are not looked at else.
        """
        seen: set[tuple[str, str]] = set()
        for number, example in enumerate(given):
            place = example.group, example.question
            if place in seen:
                continue
            seen.add(place)
            if said := self._best(example, number):
                yield replace(example, said=said, kind="draft")

    def _best(self, example: Example, number: int) -> tuple[Said, ...]:
        import torch

        evidence = [(source, item) for source in example.sources for item in evidence_of(source)]
        inputs = self.tokenizer.inputs([asked(example.question, example.words)], [example.sources])
        device = next(self.model.parameters()).device
        self.model.eval()  # type: ignore[no-untyped-call]
        with torch.random.fork_rng():
            torch.manual_seed((self.seed << 32) + number)
            written = self.model.generate(
                **{name: value.to(device) for name, value in inputs.items()},
                max_new_tokens=min(self.tokenizer.max_target, 2 * example.words + 32),
                do_sample=True, top_p=_TOP_P, num_return_sequences=_CANDIDATES,
            )  # fmt: skip
        texts = [self.tokenizer.text(row) for row in written.tolist()]
        # The vocabulary may have no capitals, and so no sentences: both come from the sources.
        casing = Casing({source.number: source.text for source in example.sources}, [example.question])
        drafts = ([unmarked(one.text) for one in casing.sentences(text)] for text in texts)
        return max((self._supported(draft, evidence) for draft in drafts), key=len)

    def _supported(self, draft: Sequence[str], evidence: Sequence[tuple[Source, Evidence]]) -> tuple[Said, ...]:
        said: list[Said] = []
        known: set[str] = set()
        items = [item for _, item in evidence]
        for sentence in map(squeeze, draft):
            stems = set(content_stems(sentence))
            repeats = stems and len(stems & known) / len(stems) > _REPEATED
            if count_words(sentence) < _FEWEST_WORDS or repeats or self.teaching.support is None:
                continue
            found = self.teaching.support(sentence, items)
            if found.score >= self.teaching.threshold and found.evidence is not None:
                said.append(Said(sentence, (evidence[found.evidence][0].number,)))
                known |= stems
        return tuple(said)


def evidence_of(source: Source) -> Iterator[Evidence]:
    """Yield a source as evidence that a verifier takes: nothing, if it cannot be cited."""
    if not source.number or not source.text:
        return
    builder = DocumentBuilder(f"source/{source.number}", title=source.head)
    builder.paragraph(source.text)
    yield from items_of(parse(builder.build(), lambda texts: [count_words(text) for text in texts], max_tokens=10_000))
