"""`odqa eval summaries`: summaries beside those that people wrote, and as all that a search has to go by.

Two measurements over the documents with a human summary:

- *Likeness*: ROUGE of the engine's extractive document summary, beside the systems of `summaries.systems` at the same
  length, the documents' own abstracts, and the summaries of the summarizer that the settings name, if it is another.
  An extract that quotes the abstract is no feat, so where documents have one, every system is measured on the
  documents without it as well (`…-body`). Documents no longer than a summary are left out.
- *Search* by the summary alone, where the data set asks questions whose gold documents are known (`summaries.search`):
  human summaries, ours, those of others and whole structured summaries against the full text. Every text stands under
  the title of its document.

Time is that of the summarizers, for a thousand words of the documents, beside that of encoding a sample of them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from odqa.errors import UsageError
from odqa.evaluate.bench import plain_encoder
from odqa.evaluate.extras import need
from odqa.evaluate.summaries.figures import Measured, Times, make_result
from odqa.evaluate.summaries.search import FULL, Found, search
from odqa.evaluate.summaries.source import Source
from odqa.evaluate.summaries.systems import ENGINE, EXTRACTS, Summarizers, statements_text
from odqa.evaluate.text import rouge, word_count
from odqa.index.summary.make import make_summarizer

if TYPE_CHECKING:
    from odqa.data.datasets import Dataset
    from odqa.data.datasets.types import GoldSummary
    from odqa.evaluate.bench import Bench
    from odqa.evaluate.result import Result

_SEARCHED = (ENGINE, "lead", "lexrank")
_TIMED = 6  # Documents that are encoded and summarized once more for their time.


def measure_summaries(bench: Bench, *, words: int | None = None, limit: int | None = None) -> Result:
    """Measure document summaries against those of people, and search by them alone.

    Args:
        bench: an engine over the documents of a data set with human summaries.
        words: most words of a summary; None takes the mean of the human summaries.
        limit: so many documents at most are held against people's, the same in every run; search looks at all of
            them nevertheless, since how hard it is depends on how many there are.

    Raises:
        UsageError: the data set has no human summaries, none is of a document of the index, or a package of the extra
            `odqa[eval]` is not installed.
    """
    gold = _gold(bench)
    mean_words = _mean([word_count(text) for each in gold.values() for text in each.texts])
    budget = round(mean_words) if words is None else words
    if budget < 1:
        raise UsageError(f"a summary must have at least 1 word, not {budget}", "e.g. --words 150")
    chosen = frozenset(gold if limit is None else bench.rng("documents").sample(list(gold), min(limit, len(gold))))
    short: set[str] = set()
    questions = [q for q in bench.questions if q.gold and all(each.document_id in gold for each in q.gold)]
    summarizers = Summarizers(bench, budget)
    abstracts: dict[str, str] = {}
    for done, id_ in enumerate(gold):
        bench.tell("summarize", done, len(gold), "documents")
        if id_ in chosen or questions:
            with bench.stage("summarize"):
                source = open_source(bench, id_)
                abstracts[id_] = source.abstract
                short |= {id_} if source.words <= budget else set()
                _summarize(bench, summarizers, source, gold[id_] if id_ in chosen - short else None)
    bench.tell("summarize", len(gold), len(gold), "documents")
    with bench.stage("ROUGE"):
        rows = {id_: _scores(summarizers, gold[id_], id_) for id_ in gold if id_ in chosen - short}
    if not rows:
        raise UsageError(f"no document is longer than a summary of {budget} words", "ask for fewer --words")
    times = _times(bench, list(rows))
    texts = _texts(bench, gold, summarizers, abstracts) if questions else {}
    found: Mapping[str, Found] = search(bench, list(gold), texts, questions) if questions else {}
    measured = Measured(gold, rows, frozenset(short), summarizers.written, times, budget, mean_words, questions, found)
    return make_result(bench, measured, limit=limit)


def check_dataset(dataset: Dataset) -> None:
    """Make sure that summaries can be measured on a data set, before its documents are indexed for that.

    Raises:
        UsageError: it has no human summaries, or a package of the extra `odqa[eval]` is not installed.
    """
    if dataset.summaries is None:
        raise UsageError(f"{dataset.name} has no human summaries of its documents", "take scisummnet, qmsum, squality")
    for module in ("sumy", "rouge_score", "ir_measures"):
        need(module)


def open_source(bench: Bench, id_: str) -> Source:
    """Return a document of the index with its vectors."""
    snapshot = bench.searchable.snapshot
    number = snapshot.by_id[id_]
    return Source(snapshot.parsed(number), np.asarray(snapshot.passage_vectors(number), np.float32))


def _gold(bench: Bench) -> dict[str, GoldSummary]:
    """Return the human summaries of documents that the index holds, by id."""
    check_dataset(bench.dataset)
    known = bench.searchable.snapshot.by_id
    read = bench.dataset.summaries or tuple
    gold = {each.document_id: each for each in read() if each.document_id in known}
    if not gold:
        raise UsageError(f"no document of the index has a human summary in {bench.dataset.name}", "name another index")
    return gold


def _summarize(bench: Bench, summarizers: Summarizers, source: Source, gold: GoldSummary | None) -> None:
    """Write a document's summaries: all of them where it is measured, else those that are searched."""
    for name in EXTRACTS if gold is not None else _SEARCHED:
        summarizers.extract(name, source)
    if gold is None:
        return
    summarizers.oracle(source, gold.texts)
    named = bench.searchable.settings.summarizer
    if named != "extractive":
        snapshot = bench.searchable.snapshot
        own = snapshot.summaries(snapshot.by_id[gold.document_id])
        summarizers.note(named, source, statements_text(own[0], summarizers.words) if own else "")
    if source.abstract:
        summarizers.note("abstract", source, source.abstract)
    if (body := source.without_abstract()) is not None:
        for name in EXTRACTS:
            summarizers.extract(name, body, called=f"{name}-body")
        summarizers.oracle(body, gold.texts, called="oracle-body")


def _scores(summarizers: Summarizers, gold: GoldSummary, id_: str) -> dict[str, dict[str, float]]:
    """Return the figures of every system on one document; of people, each reference against the others."""
    found = {
        name: {"words": float(word_count(written.texts[id_])), **rouge(written.texts[id_], gold.texts)}
        for name, written in summarizers.written.items()
        if id_ in written.texts
    }
    if len(gold.texts) > 1:
        others = [gold.texts[:place] + gold.texts[place + 1 :] for place in range(len(gold.texts))]
        each = [
            {"words": float(word_count(text)), **rouge(text, rest)}
            for text, rest in zip(gold.texts, others, strict=True)
        ]
        found["human"] = {name: _mean([one[name] for one in each]) for name in each[0]}
    return found


def _times(bench: Bench, ids: Sequence[str]) -> Times:
    """Encode and summarize a sample of the documents, once, for the time that a thousand words take."""
    engine = bench.searchable
    encoder, summarizer = plain_encoder(bench.encoder), make_summarizer(engine.settings, bench.encoder)
    sources = [open_source(bench, id_) for id_ in bench.rng("time").sample(ids, min(_TIMED, len(ids)))]
    texts = [source.parsed.passage_input(passage) for source in sources for passage in source.parsed.passages]
    words = sum(source.words for source in sources)
    with bench.stage("time"):
        encoder.encode(texts[:1])
        start = time.perf_counter()
        encoder.encode(texts)
        encoded = time.perf_counter()
        for source in sources:
            summarizer.summarize(source.parsed, source.vectors)
        summarized = time.perf_counter()
    return Times(len(sources), 1e6 * (encoded - start) / max(words, 1), 1e6 * (summarized - encoded) / max(words, 1))


def _texts(
    bench: Bench, gold: Mapping[str, GoldSummary], summarizers: Summarizers, abstracts: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Return what each system of the search knows of each document."""
    texts: dict[str, dict[str, str]] = {}
    snapshot = bench.searchable.snapshot
    for id_, human in gold.items():
        number = snapshot.by_id[id_]
        parsed, structured = snapshot.parsed(number), snapshot.summaries(number)
        title, body = parsed.document.title, parsed.document.text
        sections = "\n".join(section.title for section in parsed.sections if section.title)
        own = {name: f"{title}\n{summarizers.written[name].texts[id_]}" for name in _SEARCHED}
        by_people = f"{human.title or title}\n{human.texts[0]}"
        found = {
            ENGINE: own[ENGINE],
            "engine+titles": f"{own[ENGINE]}\n{sections}",
            "structured": f"{title}\n{structured[0].text if structured else ''}",
            "lead": own["lead"],
            "lexrank": own["lexrank"],
            "human": by_people,
            "human+titles": f"{by_people}\n{sections}",
            FULL: body if body.partition("\n")[0] == title else f"{title}\n{body}",
        }
        if any(abstracts.values()):
            found["abstract"] = f"{title}\n{abstracts[id_]}"
        for name, text in found.items():
            texts.setdefault(name, {})[id_] = text
    # Meetings have no titles of sections.
    return {
        name: own for name, own in texts.items() if own != texts.get(name.removesuffix("+titles")) or "+" not in name
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
