"""Fill the fields of a template: one function for each filler, by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from odqa.index.summary import cues, dialogue, tables
from odqa.index.summary.entities import ORGANIZATION, PERSON, PLACE
from odqa.index.summary.found import Cue, Found
from odqa.index.summary.questions import questions
from odqa.index.summary.scope import Scope
from odqa.index.summary.selection import choose_sentences, gist_budget
from odqa.index.summary.statements import mention_statement, sentence_statement
from odqa.index.summary.terms import key_terms
from odqa.schema import BlockKind, Span, Statement

Filler = Callable[[Scope, Found, int], list[Statement]]
"""Makes at most so many statements about a scope."""

_TERMS_OF_A_RUN = 3


def gist(scope: Scope, found: Found, limit: int) -> list[Statement]:
    """Return the sentences that together say most, in reading order."""
    if scope.analysis.is_row[scope.first : scope.last].all():
        return []  # Rows do not tell what a table says; its columns and extremes do.
    return _telling(scope, found, limit)


def anything(scope: Scope, found: Found, limit: int) -> list[Statement]:
    """Return the most telling sentences, rows included: the gist of what no field of a template fits."""
    return _telling(scope, found, limit)


def _telling(scope: Scope, found: Found, limit: int) -> list[Statement]:
    budget = gist_budget(scope.words, section=scope.section is not None)
    chosen = choose_sentences(scope, found, budget, limit)
    return [sentence_statement(scope.analysis, sentence, weight) for sentence, weight in chosen]


def outline(scope: Scope, found: Found, limit: int) -> list[Statement]:
    """Return the headings, outermost first where not all fit; topical runs go by their key terms."""
    headings = [b for b in scope.blocks if b.kind is BlockKind.HEADING and b.span.start != scope.span.start]
    if scope.section is None:
        headings = [b for b in scope.blocks if b.kind is BlockKind.HEADING]
        title = scope.analysis.document.title.casefold()
        headings = [b for b in headings if scope.analysis.quote(b.span).casefold() != title]
    if headings:
        # Whole levels are kept from the outside in; the level that no longer fits is kept from the front.
        kept = sorted(sorted(headings, key=lambda b: (b.level, b.span))[:limit], key=lambda b: b.span)
        return [Statement(scope.analysis.quote(b.span), (b.span,), round(1 / max(b.level, 1), 4)) for b in kept]
    return _runs(scope, found, limit) if scope.section is None else []


def _runs(scope: Scope, found: Found, limit: int) -> list[Statement]:
    """One line for each topical run: its leading terms, resting on their first mentions."""
    sections = scope.analysis.parsed.sections
    if len(sections) < 2:
        return []
    statements = []
    for section in sections[:limit]:
        run = Scope(scope.analysis, section.index)
        terms = key_terms(run, found.terms(run), _TERMS_OF_A_RUN)
        if terms:
            spans = tuple(term.spans[0] for term in terms)
            statements.append(Statement(", ".join(term.text for term in terms), spans, 0.5))
    return statements


def entities(scope: Scope, found: Found, limit: int, label: str | None = None) -> list[Statement]:
    """Return what is named, most mentioned first, each with up to five mentions, its fullest name first."""
    scored = []
    for entity, mentions in found.entities(scope):
        if label is None or entity.label == label:
            # A name of several words met once says more than a single capitalised word met once.
            scored.append((len(mentions) + 0.5 * (" " in entity.name), entity, mentions))
    scored.sort(key=lambda item: (-item[0], item[2][0].span))
    top = scored[0][0] if scored else 1.0
    statements = []
    for score, entity, mentions in scored[:limit]:
        longest = max(len(m.name) for m in mentions)
        lead = next((m for m in mentions if m.name == entity.name), None)
        lead = lead or next(m for m in mentions if len(m.name) == longest)
        spans = [lead.span, *(m.span for m in mentions if m is not lead)]
        statements.append(mention_statement(scope.analysis, spans, score / top, entity.label))
    return statements


def figures(scope: Scope, found: Found, limit: int) -> list[Statement]:
    """Return quantities, those in important sentences first, each once with its mentions."""
    groups: dict[str, list[tuple[float, Span, str]]] = defaultdict(list)
    for figure, sentence in found.figures(scope):
        score = figure.weight * (0.4 + 0.6 * scope.importance_at(sentence))
        groups[scope.analysis.quote(figure.span).casefold()].append((score, figure.span, figure.unit))
    ranked = sorted(groups.values(), key=lambda group: (-max(group)[0] * (1 + 0.1 * len(group)), group[0][1]))
    top = max((max(group)[0] for group in ranked), default=1.0)
    return [
        mention_statement(scope.analysis, [span for _, span, _ in group], max(group)[0] / top, group[0][2])
        for group in ranked[:limit]
    ]


def dates(scope: Scope, found: Found, limit: int) -> list[Statement]:
    """Return the dates mentioned most, in order of time."""
    groups: dict[str, list[Span]] = defaultdict(list)
    orders: dict[str, tuple[int, int, int]] = {}
    for date in found.dates(scope):
        groups[date.iso].append(date.span)
        orders[date.iso] = date.order
    most = sorted(groups, key=lambda iso: (-len(groups[iso]), groups[iso][0]))[:limit]
    top = max((len(groups[iso]) for iso in most), default=1)
    in_time = sorted(most, key=lambda iso: (orders[iso], iso))
    return [mention_statement(scope.analysis, groups[iso], len(groups[iso]) / top, iso) for iso in in_time]


def timeline(scope: Scope, found: Found, limit: int) -> list[Statement]:
    """Return the most important dated sentences and headings, in order of time, labelled with their date."""
    analysis = scope.analysis
    events: dict[Span, tuple[float, tuple[int, int, int], Statement]] = {}
    for date in found.dates(scope):
        sentence = analysis.sentence_at(date.span.start)
        heading = found.heading_at(date.span.start)
        if heading is not None:
            event, weight = Statement(analysis.quote(heading), (heading,), 0.5, date.iso), 0.5
        elif sentence is not None and scope.first <= sentence < scope.last and analysis.tiers[sentence] < 3:
            exact = 0.1 * (date.order[1] > 0) + 0.1 * (date.order[2] > 0)
            weight = scope.importance_at(sentence) * (1 - 0.3 * (analysis.tiers[sentence] > 0)) + exact
            event = sentence_statement(analysis, sentence, weight, date.iso)
        else:
            continue
        events.setdefault(event.spans[0], (float(weight), date.order, event))
    best = sorted(events.values(), key=lambda item: (-item[0], item[2].spans))[:limit]
    return [event for _, _, event in sorted(best, key=lambda item: (item[1], item[2].spans))]


def _announced(cue: Cue) -> Filler:
    return partial(cues.cue_sentences, cue)


FILLERS: Mapping[str, Filler] = MappingProxyType(
    {
        "gist": gist,
        "outline": outline,
        "key_terms": lambda scope, found, limit: key_terms(scope, found.terms(scope), limit),
        "entities": entities,
        "people": partial(entities, label=PERSON),
        "places": partial(entities, label=PLACE),
        "organizations": partial(entities, label=ORGANIZATION),
        "speakers": lambda scope, found, limit: dialogue.speakers(scope, limit),
        "figures": figures,
        "extremes": lambda scope, found, limit: tables.extremes(scope, limit),
        "dates": dates,
        "timeline": timeline,
        "definitions": cues.definitions,
        "questions": questions,
        "quotes": dialogue.quotes,
        "positions": lambda scope, found, limit: dialogue.positions(scope, limit),
        "decisions": _announced(cues.DECISIONS),
        "actions": _announced(cues.ACTIONS),
        "concerns": _announced(cues.CONCERNS),
        "recommendations": _announced(cues.RECOMMENDATIONS),
        "findings": _announced(cues.FINDINGS),
        "purpose": _announced(cues.PURPOSE),
        "contributions": _announced(cues.CONTRIBUTIONS),
        "methods": _announced(cues.METHODS),
        "limitations": _announced(cues.LIMITATIONS),
        "requirements": _announced(cues.REQUIREMENTS),
        "warnings": _announced(cues.WARNINGS),
        "remedies": _announced(cues.REMEDIES),
        "steps": lambda scope, found, limit: cues.steps(scope, limit),
        "columns": lambda scope, found, limit: tables.columns(scope, limit),
        "values": lambda scope, found, limit: tables.values(scope, limit),
    }
)
"""The fillers by the name that a template gives them."""
