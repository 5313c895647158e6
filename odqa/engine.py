"""The engine: the one object an application holds.

    engine = odqa.build("reports/", "reports.odqa")      # or odqa.open("reports.odqa")
    answer = engine.ask("Why did the committee split on the bill?")

An engine reads one committed generation and goes on reading it whatever writers do; `refresh` moves on to the newest.
It prints nothing, configures no logging, starts no threads of its own, and may be shared between threads and tasks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from odqa.errors import UsageError
from odqa.schema import (
    Answer,
    AnswerStyle,
    Collection,
    Document,
    Event,
    Evidence,
    Found,
    NodeKind,
    StructuredSummary,
    Style,
)
from odqa.settings import DEFAULT, ResolvedSettings, Settings, resolve

if TYPE_CHECKING:
    from odqa.calibrate import Calibration
    from odqa.index.collection.corpus import SnapshotCorpus
    from odqa.index.derived import Derived
    from odqa.index.report import BuildReport
    from odqa.index.snapshot import Snapshot
    from odqa.index.summary.tree import SummaryTree
    from odqa.index.update import Sources
    from odqa.protocols import Encoder, ProgressCallback, Reader, Verifier
    from odqa.retriever.find import Finder
    from odqa.retriever.scope import SearchOptions
    from odqa.retriever.search import HybridRetriever

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Generation:
    """Everything that belongs to one committed state of the index."""

    snapshot: Snapshot
    derived: Derived
    retriever: HybridRetriever
    finder: Finder


class Engine:
    """Questions over one index; a context manager."""

    def __init__(self, path: str | Path, resolved: ResolvedSettings, *, encoder: Encoder | None = None) -> None:
        """Open the index at `path`; use `Engine.open` or `odqa.open`, which read the settings.

        Args:
            path: the index folder.
            resolved: settings with their origins.
            encoder: an encoder that is made already; must have the index's fingerprint.
        """
        from odqa.index.snapshot import Snapshot

        self.path = Path(path)
        if encoder is not None:
            self.encoder = encoder
        snapshot = Snapshot.open(self.path)
        self.resolved = resolved.with_index(snapshot.manifest.settings, str(self.path))
        self.settings = self.resolved.settings
        self.report: BuildReport | None = None
        self._lock = threading.Lock()
        self._collected: tuple[SnapshotCorpus, Collection] | None = None
        self._generation: _Generation | None = self._read(snapshot)

    @classmethod
    def open(cls, path: str | Path, *, settings: Settings | None = None, **overrides: Any) -> Self:
        """Open the index at `path`.

        Args:
            path: the index folder.
            settings: all settings at once; otherwise they come from `odqa.toml` and the environment.
            overrides: single settings, which win over everything else.

        Raises:
            IndexMissing: there is none.
            OdqaIndexError: it is corrupt, or made by another version.
            ConfigError: a setting is wrong.
        """
        return cls(path, _resolved(settings, overrides))

    @classmethod
    def build(
        cls,
        sources: Sources,
        path: str | Path,
        *,
        settings: Settings | None = None,
        progress: ProgressCallback | None = None,
        **overrides: Any,
    ) -> Self:
        """Index documents into `path` and open it; run again, it finishes what was interrupted.

        Args:
            sources: files, folders, glob patterns, `-` for standard input, or documents.
            path: the index folder; made if absent, added to if present.
            settings: all settings at once.
            progress: called as the work goes on.
            overrides: single settings.

        Raises:
            LoadError: a source does not exist; or cannot be read, with `strict=True`.
            OdqaIndexError: the index at `path` cannot be used.
        """
        from odqa.index.update import write

        resolved = _resolved(settings, overrides)
        report = write(Path(path), resolved, sources, progress=progress)
        engine = cls(path, resolved)
        engine.report = report
        return engine

    def add(self, sources: Sources, *, progress: ProgressCallback | None = None) -> BuildReport:
        """Index more documents; unchanged ones are skipped, changed ones replaced."""
        from odqa.index.update import write

        return self._write(lambda: write(self.path, self.resolved, sources, progress=progress))

    def sync(self, sources: Sources, *, progress: ProgressCallback | None = None) -> BuildReport:
        """Make the index hold what the sources hold now: add, replace, and remove what has left them."""
        from odqa.index.update import write

        return self._write(lambda: write(self.path, self.resolved, sources, progress=progress, sync=True))

    def remove(self, ids: str | Iterable[str]) -> BuildReport:
        """Remove documents by id, source, or glob pattern over ids.

        Raises:
            UsageError: one of them names no document.
        """
        from odqa.index.update import remove

        wanted = [ids] if isinstance(ids, str) else list(ids)
        return self._write(lambda: remove(self.path, self.resolved, wanted))

    def compact(self) -> None:
        """Merge all segments into one and drop deleted documents for good."""
        from odqa.index.update import compact

        self._write(lambda: compact(self.path, self.resolved))

    def search(self, question: str, k: int | None = None, **options: Unpack[SearchOptions]) -> list[Evidence]:
        """Return up to `k` passages that bear on a question, best first; takes the options of `find`.

        Rows that a table operation needs come on top of them.
        """
        return list(self.find(question, k, **options).evidence)

    def find(self, question: str, k: int | None = None, **options: Unpack[SearchOptions]) -> Found:
        """Return up to `k` passages that bear on a question, how they were found, and whether they answer it.

        Args:
            question: in words.
            k: how many; the setting `evidence` if None.
            options: where to look: `exhaustive`, `within`, `where`, `hops`; see `SearchOptions`.

        Raises:
            UsageError: the question is empty or too long, `k` or `hops` is below one, there is no document of such an
                id, or the condition cannot be understood.
        """
        from odqa.answering import checked
        from odqa.retriever.scope import make_scope, nothing_fits

        current, inside, question = self._current, self._numbers(options.get("within")), checked(question)
        scope = make_scope(current.snapshot, options, inside)
        if scope["within"] == []:
            return nothing_fits(question, options)
        return current.finder.find(question, self._count(k), **scope)

    def ask(
        self,
        question: str,
        *,
        style: Style | str | None = None,
        words: int | None = None,
        k: int | None = None,
        **options: Unpack[SearchOptions],
    ) -> Answer:
        """Answer a question from the documents, every sentence checked and cited, or refuse.

        Args:
            question: in words.
            style: long, short, bullets or report; chosen by the question if None.
            words: length to aim at.
            k: passages to read; if None, the setting `evidence`, and the whole of a story or meeting that needs it.
            options: where to look; see `find`.

        Raises:
            UsageError: an argument is out of range, or as `find` says.
        """
        *_, last = self.events(question, style=style, words=words, k=k, **options)
        if last.answer is None:
            raise RuntimeError("the events of an answer end with the answer")
        return last.answer

    def events(
        self,
        question: str,
        *,
        style: Style | str | None = None,
        words: int | None = None,
        k: int | None = None,
        **options: Unpack[SearchOptions],
    ) -> Generator[Event]:
        """Answer like `ask`, step by step: the evidence, each sentence as written and once it is checked, the answer.

        Readers that stream are checked while they write; closing the iterator stops them.
        """
        from odqa.answering import Answering, checked, widened

        start = time.perf_counter()
        layout, question = AnswerStyle.of(style, words), checked(question)
        found = self.find(question, k, **options)
        if k is None:
            found = widened(found, self.reader, self.snapshot, layout)
        answering = Answering(question, found, self.reader, self.verifier, layout, self.settings.policy, start)
        yield from answering.events()

    async def stream(self, question: str, **options: Any) -> AsyncIterator[Event]:
        """Answer like `events` without holding up the event loop; takes the same options.

        Cancelling the task, or closing the iterator, stops the reader at the sentence that it is writing.
        """
        from odqa.answering import in_threads

        async for event in in_threads(self.events(question, **options)):
            yield event

    def ask_many(
        self,
        questions: Iterable[str],
        *,
        parallel: int | None = None,
        style: Style | str | None = None,
        words: int | None = None,
        k: int | None = None,
        **options: Unpack[SearchOptions],
    ) -> Iterator[Answer]:
        """Yield the answer to each question, in order; questions are read only as far ahead as they are worked on.

        Models, caches and the open index are shared. Several questions at once are worth it where the reader waits
        for a server, so that is what happens then; otherwise one keeps the processor busy.

        Args:
            questions: in words.
            parallel: questions worked on at once; None decides.
            style: as for `ask`, like `words`, `k` and `options`.
            words: length to aim at.
            k: passages to read.
            options: where to look.

        Raises:
            UsageError: `parallel` is below one; or as `ask` does, at the question that is wrong.
        """
        from odqa.answering import AT_ONCE, in_order

        at_once = parallel if parallel is not None else (AT_ONCE if self.settings.llm_url else 1)
        return in_order(lambda q: self.ask(q, style=style, words=words, k=k, **options), questions, at_once)

    def summaries(self, document_id: str) -> tuple[StructuredSummary, ...]:
        """Return a document's structured summaries, its own first, then its sections'.

        Raises:
            UsageError: there is no such document.
        """
        snapshot = self._current.snapshot
        return snapshot.summaries(self._number(document_id))

    def document(self, document_id: str) -> Document:
        """Return a document by its id.

        Raises:
            UsageError: there is no such document.
        """
        return self._current.snapshot.document(self._number(document_id))

    def documents(self) -> list[tuple[str, str]]:
        """Return id and title of every document."""
        return self._current.snapshot.by_document("title")

    def sources(self) -> list[tuple[str, str]]:
        """Return id and source of every document."""
        return self._current.snapshot.by_document("source")

    def collection(self) -> Collection:
        """Return the clusters of the documents, each with its summary; made on first use and then kept in the cache.

        When documents have come or gone since, only the clusters that this changes are summarized again.
        """
        return self._collect()[1]

    def tree(self, *, deepest: NodeKind = NodeKind.SECTION) -> SummaryTree:
        """Return the tree a person reads: collection, clusters, documents, sections, with their summaries.

        Args:
            deepest: the last kind of node that it shows.
        """
        from odqa.index.summary.tree import SummaryTree

        corpus, collection = self._collect()
        return SummaryTree(self.path.resolve().stem, corpus, collection, self.verifier.threshold, deepest)

    def calibrate(self, questions: Path | None = None, **options: Any) -> Calibration:
        """Fit to these documents how sure the engine has to be to answer, and keep it in the index.

        Args:
            questions: JSON Lines of the user's own, `question` and `answerable`; made from the documents if None.
            options: those of `odqa.calibrate.calibrate`, whose errors this raises too.
        """
        from odqa.calibrate import calibrate

        found = calibrate(self, questions, **options)
        found.model.save(self.path)
        self._generation = self._read(self.snapshot)
        return found

    def refresh(self) -> bool:
        """Move on to the newest committed generation; returns whether there was a newer one."""
        from odqa.index.snapshot import Snapshot

        snapshot = Snapshot.open(self.path)
        if snapshot.manifest.stamp == self._current.snapshot.manifest.stamp:
            return False
        # The old generation is left to the threads that still read from it.
        self._generation = self._read(snapshot)
        return True

    @property
    def snapshot(self) -> Snapshot:
        """The generation being read."""
        return self._current.snapshot

    @property
    def retriever(self) -> HybridRetriever:
        """The retriever over the generation being read."""
        return self._current.retriever

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder, made on first use."""
        from odqa.index.encoder import make_encoder

        return make_encoder(self.settings)

    @cached_property
    def reader(self) -> Reader:
        """The reader that the settings name."""
        from odqa.parts import make_reader

        return make_reader(self.settings, self.encoder, lambda: self.verifier)

    @cached_property
    def verifier(self) -> Verifier:
        """The verifier that the settings name."""
        from odqa.parts import make_verifier

        return make_verifier(self.settings, self.encoder)

    def close(self) -> None:
        """Let go of the index; the engine cannot be used afterwards."""
        if self._generation is not None:
            self._generation.derived.close()
            self._generation = self._collected = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _current(self) -> _Generation:
        if (generation := self._generation) is None:
            raise UsageError(f"the engine on {self.path} is closed", "open it again with odqa.open")
        return generation

    def _read(self, snapshot: Snapshot) -> _Generation:
        from odqa.errors import IndexMismatch
        from odqa.index.derived import open_derived
        from odqa.retriever.find import Finder
        from odqa.retriever.search import HybridRetriever

        made_with = snapshot.manifest.encoder["fingerprint"]
        if self.encoder.fingerprint != made_with:
            raise IndexMismatch(
                f"{self.path}: made with the encoder {snapshot.manifest.encoder['name']} ({made_with}), "
                f"not with {self.encoder.name} ({self.encoder.fingerprint})",
                "open it with that encoder, or build it again",
            )
        derived = open_derived(snapshot, self.settings, _search_device(self.settings.device))
        retriever = HybridRetriever(snapshot, derived, self.encoder, self.settings)
        # A bound that the user has set goes before the one that the index was calibrated for.
        calibrated = self.resolved.origins.get("refuse_below", DEFAULT) == DEFAULT
        return _Generation(snapshot, derived, retriever, Finder(retriever, calibrated=calibrated))

    def _collect(self) -> tuple[SnapshotCorpus, Collection]:
        from odqa.index.collection.corpus import SnapshotCorpus
        from odqa.index.collection.make import open_collection

        snapshot, known = self._current.snapshot, self._collected
        if known is None or known[0].snapshot is not snapshot:
            corpus = SnapshotCorpus(snapshot)
            known = self._collected = corpus, open_collection(corpus, threshold=self.verifier.threshold)
        return known

    def _write(self, work: Callable[[], T]) -> T:
        with self._lock:
            result = work()
            self.refresh()
        return result

    def _count(self, k: int | None) -> int:
        if k is not None and k < 1:
            raise UsageError(f"k must be at least 1, not {k}")
        return k or self.settings.evidence

    def _numbers(self, within: str | Iterable[str] | None) -> list[int] | None:
        if within is None:
            return None
        ids = [within] if isinstance(within, str) else list(within)
        if not ids:
            raise UsageError("no document to look in", "name at least one, or none at all for every document")
        return [self._number(id_) for id_ in ids]

    def _number(self, document_id: str) -> int:
        number = self._current.snapshot.by_id.get(document_id)
        if number is None:
            raise UsageError(
                f"{self.path} holds no document {document_id!r}", "`odqa index info --documents` lists them"
            )
        return number


def summarize(
    sources: Sources,
    *,
    settings: Settings | None = None,
    announce: Callable[[str], None] | None = None,
    **overrides: Any,
) -> Iterator[tuple[Document, list[StructuredSummary]]]:
    """Yield each document of the sources with its structured summaries, without an index.

    Args:
        sources: files, folders, glob patterns, `-` for standard input, or documents.
        settings: all settings at once.
        announce: called with one line about the cost, before a summarizer that has one starts.
        overrides: single settings.

    Raises:
        LoadError: a source cannot be read (raised after the others).
    """
    from odqa.index.collection.sources import summarize_sources
    from odqa.index.encoder import make_encoder

    chosen = _resolved(settings, overrides).settings
    for parsed, summaries in summarize_sources(sources, chosen, make_encoder(chosen), announce=announce):
        yield parsed.document, summaries


def _resolved(settings: Settings | None, overrides: Mapping[str, Any]) -> ResolvedSettings:
    if settings is None:
        return resolve(overrides)
    given = {name: value for name, value in overrides.items() if value is not None}
    chosen = settings.replace(**given)
    standard = Settings()
    origins = {
        name: DEFAULT if getattr(chosen, name) == getattr(standard, name) and name not in given else "argument"
        for name in Settings.__dataclass_fields__
    }
    return ResolvedSettings(chosen, origins)


def _search_device(device: str) -> str:
    """Search on the processor unless a CUDA device is asked for by name: a flat scan of entries needs no GPU."""
    return device if device.startswith("cuda") else ("cuda" if device == "all" else "cpu")
