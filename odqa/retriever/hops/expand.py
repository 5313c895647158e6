"""From the first ranking of a question of several steps to its evidence."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from odqa.errors import ConfigError
from odqa.retriever.fusion import LinearFusion
from odqa.retriever.hops.features import NAMES, Asked
from odqa.retriever.hops.plan import Plan, make_plan
from odqa.retriever.hops.walk import BY_CLAUSE, Walked, Walker

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from odqa.index.derived import Derived
    from odqa.index.snapshot import Snapshot
    from odqa.llm import LanguageModel
    from odqa.retriever.ranked import Ranked
    from odqa.settings import Settings

    Numbers = NDArray[np.int64]
    Near = Callable[[NDArray[np.float32], int], Numbers]

BUILT_IN = "builtin"
_WORDS_BY_CLAUSE = 50
_TABLES = 3
_LOOKED_AT = 10
ENOUGH = 0.5
"""Share of a question, by the rarity of its words, that one passage has to hold for a single step to do."""


@dataclass(frozen=True, slots=True)
class Trail:
    """A walk, and where it set out.

    Attributes:
        walked: what it found.
        named: the words of the question that name a passage or its document, by passage.
        by_clause: the part of the question that finds a passage, by passage.
    """

    walked: Walked
    named: dict[int, str]
    by_clause: dict[int, str]


class MultiHop:
    """Plans questions over one snapshot, and follows its links; safe to share between threads."""

    def __init__(self, snapshot: Snapshot, derived: Derived, settings: Settings) -> None:
        self._snapshot, self._derived, self._settings = snapshot, derived, settings
        self._lock = threading.Lock()
        self._walker: Walker | None = None
        self.fusion = load_fusion(settings.fusion)

    def plan(self, question: str, hops: int | None = None) -> Plan:
        """Take a question apart; `hops` is the most steps that its evidence may take, the setting if None."""
        most = self._settings.hops if hops is None else hops
        clauses: Sequence[str] = ()
        if self._settings.decompose == "llm" and most > 1:
            from odqa.retriever.hops.decompose import decompose

            clauses = decompose(question, self._model)
        plan = make_plan(question, self._terms, most, clauses)
        return plan if self._settings.decompose != "off" else replace(plan, clauses=())

    def reconsider(self, plan: Plan, ranked: Ranked) -> Plan:
        """Return the plan that the first ranking calls for: one more step where it leads on, or says too little."""
        if plan.steps > 1 or plan.most < 2:
            return plan
        walker = self._open()
        if walker.leads_on(ranked.passages[:_TABLES]):
            return replace(plan, steps=2, why="what comes first is a table that leads to other documents")
        if walker.covers(plan.question, ranked.passages[:_LOOKED_AT]) < ENOUGH:
            return replace(plan, steps=2, why="no passage holds half of what is asked")
        return plan

    def texts(self, plan: Plan) -> list[str]:
        """Return what has to be encoded: the question, and its parts where they are questions themselves.

        Vectors of the parts that rules make add nothing to their words (docs/retrieval.md).
        """
        return [plan.question, *(plan.clauses if plan.questions else ())]

    def expand(
        self,
        plan: Plan,
        queries: NDArray[np.float32],
        ranked: Ranked,
        near: Near,
        within: Sequence[int] | None = None,
    ) -> Ranked:
        """Return the ranking with what follows from it; takes what `walk` takes."""
        trail = self.walk(plan, queries, ranked, near, within)
        known = set(ranked.passages.tolist())
        return replace(
            self._joined(ranked, trail.walked),
            plan=plan,
            steps=trail.walked.steps,
            named=trail.named,
            by_clause={passage: clause for passage, clause in trail.by_clause.items() if passage not in known},
        )

    def walk(
        self,
        plan: Plan,
        queries: NDArray[np.float32],
        ranked: Ranked,
        near: Near,
        within: Sequence[int] | None = None,
    ) -> Trail:
        """Follow the links of what a question names and first finds.

        Args:
            plan: of the question.
            queries: unit vectors of what `texts` returns for the plan.
            ranked: the first ranking.
            near: returns passages near to a vector, best first, as many as wanted.
            within: numbers of the documents to look in; all if None.
        """
        walker, lexical = self._open(), self._derived.lexical
        words = [lexical.passages(clause, _WORDS_BY_CLAUSE, within) for clause in plan.clauses]
        found = [numbers[:BY_CLAUSE] for numbers, _ in words]
        for place, query in enumerate(queries[1:]):
            found[place] = np.concatenate([found[place], near(query, BY_CLAUSE)])
        named = walker.named(plan.question, queries[0])
        asked = Asked(
            queries=queries,
            clauses=plan.clauses,
            fused=dict(zip(ranked.passages.tolist(), ranked.scores.tolist(), strict=True)),
            pooled=ranked.parts.get("document", {}),
            bm25=[ranked.parts["bm25"], *(dict(zip(n.tolist(), s.tolist(), strict=True)) for n, s in words)],
            documents=ranked.parts["document_bm25"],
            named={passage: weight for passage, (weight, _) in named.items()},
        )
        inside = None
        if within is not None:
            inside = np.zeros(len(self._snapshot.live), np.bool_)
            inside[np.asarray(within, np.int64)] = True
        walked = walker.walk(plan, asked, ranked.passages, found, inside)
        by_clause = {p: plan.clauses[n] for n, some in reversed(list(enumerate(found))) for p in some.tolist()}
        return Trail(walked, {passage: name for passage, (_, name) in named.items()}, by_clause)

    def _joined(self, ranked: Ranked, walked: Walked) -> Ranked:
        """Return what was walked over, and after it the rest of the first ranking in its order."""
        seen = set(walked.passages.tolist())
        rest = np.array([passage not in seen for passage in ranked.passages.tolist()], np.bool_)
        scores = 1 / (1 + np.exp(-walked.scores))
        least = float(scores[-1]) if len(scores) else 1.0
        below = least * ranked.scores[rest] / max(float(ranked.scores.max(initial=0.0)), 1e-9)
        parts = {int(p): walked.parts(place, self.fusion) for place, p in enumerate(walked.passages[:_EXPLAINED])}
        return replace(
            ranked,
            passages=np.concatenate([walked.passages, ranked.passages[rest]]),
            scores=np.concatenate([scores, below]),
            features=parts,
        )

    def _terms(self, text: str) -> list[str]:
        return self._derived.lexical.terms(text)

    @cached_property
    def _model(self) -> LanguageModel:
        from odqa.llm import make_language_model

        return make_language_model(self._settings)

    def _open(self) -> Walker:
        from odqa.index.links.graph import open_links

        with self._lock:
            if self._walker is None:
                graph = open_links(self._snapshot)
                self._walker = Walker(self._snapshot, self._derived, graph, self.fusion)
            return self._walker


_EXPLAINED = 40
"""Passages whose scores are kept in parts."""


@cache
def load_fusion(name: str) -> LinearFusion:
    """Return learned weights.

    Args:
        name: `builtin` for those that come with odqa, learned as `docs/retrieval.md` says, else a JSON file that
            `odqa train fusion` wrote.

    Raises:
        ConfigError: the file cannot be read, or holds no weights.
    """
    own = name == BUILT_IN
    try:
        place = files("odqa.retriever.hops").joinpath("weights.json") if own else Path(name).expanduser()
        body = json.loads(place.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{name}: {error}", "`odqa train fusion` writes such a file") from error
    return LinearFusion.checked(body.get("weights") if isinstance(body, dict) else None, NAMES, name)
