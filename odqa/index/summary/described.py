"""Fields that ask by name and description: the statements of each kind that fit them, or none."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from odqa.index.summary.analysis import Analysis
from odqa.index.summary.dates import DateMention
from odqa.index.summary.dialogue import quoted_spans
from odqa.index.summary.entities import ORGANIZATION, PERSON, PLACE
from odqa.index.summary.figures import MONEY_UNITS
from odqa.index.summary.fitting import FLOOR, Fitting, describe
from odqa.index.summary.found import Found
from odqa.index.summary.questions import questions
from odqa.index.summary.schemas import TemplateField
from odqa.index.summary.scope import Scope
from odqa.index.summary.statements import mention_statement, sentence_statement
from odqa.schema import BlockKind, FieldKind, Span, Statement

_Maker = Callable[[Scope, Found, Fitting, TemplateField, int], list[Statement]]

_MAX_QUOTE_WORDS = 60
_SAME_SHARE = 0.6
_MANY_QUESTIONS = 60
_LIMPING = 0.85
_OTHER_LABEL, _NO_LABEL = 0.3, 0.6
_MONEY = frozenset(
    """
    cost costs money sum sums price prices budget budgets expense expenses expenditure expenditures payment payments
    paid spent spending fee fees fine fines wage wages salary salaries revenue revenues profit profits loan loans debt
    debts grant grants fund funds funding tax taxes investment investments
    """.split()
)
"""Words of a description that ask for sums of money."""
_LABEL_WORDS = {
    PERSON: frozenset(
        "person persons people man men woman women who speaker witness witnesses author officials".split()
    ),
    PLACE: frozenset(
        "place places where town towns city cities country countries location locations site sites".split()
    ),
    ORGANIZATION: frozenset(
        "organisation organisations organization organizations company companies firm firms agency agencies".split()
    ),
}


def described(scope: Scope, found: Found, fitting: Fitting, field: TemplateField, limit: int) -> list[Statement]:
    """Return what fits a field's name and description best, of the field's kind; nothing where nothing fits.

    Statements and quotes are sentences or quoted speech in reading order, dates are dated sentences in order of
    time; figures, entities and terms are those of sentences that fit, best first.
    """
    return _MAKERS[field.kind](scope, found, fitting, field, limit)


def _statements(scope: Scope, found: Found, fitting: Fitting, field: TemplateField, limit: int) -> list[Statement]:
    chosen = _distinct(scope.analysis, _fitting_sentences(scope, fitting, field, worst_tier=1), limit)
    return [sentence_statement(scope.analysis, s, score) for s, score in sorted(chosen)]


def _quotes(scope: Scope, found: Found, fitting: Fitting, field: TemplateField, limit: int) -> list[Statement]:
    """Quoted speech in sentences that fit; of transcripts, and where nothing is quoted, the sentences themselves."""
    analysis = scope.analysis
    fits = fitting.fits(field)
    spoken: dict[str, tuple[float, Span]] = {}
    for span in quoted_spans(scope):
        sentence = analysis.sentence_at(span.start)
        words = len(analysis.quote(span).split())
        if sentence is not None and scope.first <= sentence < scope.last and words <= _MAX_QUOTE_WORDS:
            spoken.setdefault(analysis.quote(span).casefold(), (float(fits[sentence]), span))
    best = sorted((pair for pair in spoken.values() if pair[0] >= FLOOR), key=lambda pair: (-pair[0], pair[1]))[:limit]
    if best:
        return [
            Statement(analysis.quote(span), (span,), round(fit, 4)) for fit, span in sorted(best, key=lambda p: p[1])
        ]
    return _statements(scope, found, fitting, field, limit)


def _questions(scope: Scope, found: Found, fitting: Fitting, field: TemplateField, limit: int) -> list[Statement]:
    """Questions made from, or asked in, sentences that fit."""
    analysis = scope.analysis
    fits = fitting.fits(field)
    scored: dict[str, tuple[float, Statement]] = {}
    for made in questions(scope, found, _MANY_QUESTIONS):
        sentence = analysis.sentence_at(made.spans[0].start)
        if sentence is not None and fits[sentence] >= FLOOR:
            scored[made.text.casefold()] = (float(fits[sentence]), made)
    for sentence, fit in _fitting_sentences(scope, fitting, field, worst_tier=2):
        asked = sentence_statement(analysis, sentence, fit)
        if asked.text.endswith("?"):
            scored.setdefault(asked.text.casefold(), (fit, asked))
    best = sorted(scored.values(), key=lambda pair: (-pair[0], pair[1].spans))[:limit]
    return [Statement(made.text, made.spans, round(fit, 4), made.label) for fit, made in best]


def _entities(scope: Scope, found: Found, fitting: Fitting, field: TemplateField, limit: int) -> list[Statement]:
    """What is named in sentences that fit; of the sort the description asks for, where it names one."""
    fits = fitting.fits(field)
    words = {word.strip(".,;:()").lower() for word in describe(field).split()}
    wanted = {label for label, names in _LABEL_WORDS.items() if names & words}
    scored = []
    for entity, mentions in found.entities(scope):
        good = [m for m in mentions if fits[m.sentence] >= FLOOR]
        if not good:
            continue
        sort = 1.0 if not wanted or entity.label in wanted else (_OTHER_LABEL if entity.label else _NO_LABEL)
        fit = max(float(fits[m.sentence]) for m in good) * sort
        if fit < FLOOR:
            continue
        lead = max(good, key=lambda m: (len(m.name), -m.span.start))
        scored.append(
            (fit * (1 + 0.2 * math.log(len(good))), entity.label, [lead, *(m for m in good if m is not lead)])
        )
    scored.sort(key=lambda item: (-item[0], item[2][0].span))
    return [
        mention_statement(scope.analysis, [m.span for m in good], fit, label) for fit, label, good in scored[:limit]
    ]


def _figures(scope: Scope, found: Found, fitting: Fitting, field: TemplateField, limit: int) -> list[Statement]:
    fits = fitting.fits(field)
    groups: dict[str, list[tuple[float, Span, str]]] = defaultdict(list)
    of_money = bool(_MONEY & set(re.findall(r"\w+", describe(field).lower())))
    for figure, sentence in found.figures(scope):
        if of_money and figure.unit not in MONEY_UNITS:
            continue
        if fits[sentence] >= FLOOR:
            fit = float(fits[sentence]) * figure.weight
            groups[scope.analysis.quote(figure.span).casefold()].append((fit, figure.span, figure.unit))
    ranked = sorted(groups.values(), key=lambda group: (-max(group)[0], group[0][1]))[:limit]
    return [mention_statement(scope.analysis, [s for _, s, _ in group], max(group)[0], group[0][2]) for group in ranked]


def _dates(scope: Scope, found: Found, fitting: Fitting, field: TemplateField, limit: int) -> list[Statement]:
    """Dated sentences that fit, in order of time, labelled with their date."""
    analysis = scope.analysis
    fits = fitting.fits(field)
    dated: dict[int, DateMention] = {}
    for date in found.dates(scope):
        sentence = analysis.sentence_at(date.span.start)
        if sentence is not None and scope.first <= sentence < scope.last and fits[sentence] >= FLOOR:
            dated.setdefault(sentence, date)
    best = sorted(dated, key=lambda s: (-fits[s], s))[:limit]
    in_time = sorted(best, key=lambda s: (dated[s].order, s))
    return [sentence_statement(analysis, s, float(fits[s]), dated[s].iso) for s in in_time]


def _terms(scope: Scope, found: Found, fitting: Fitting, field: TemplateField, limit: int) -> list[Statement]:
    """Key terms whose mentions stand in sentences that fit: the best of them, and on the whole."""
    analysis = scope.analysis
    fits = fitting.fits(field)
    scored = []
    for candidate in found.terms(scope):
        mentioned = fits[analysis.sentence_of[candidate.places]]
        if mentioned.max() >= FLOOR:
            scored.append((float(mentioned.max() + mentioned.mean()) / 2, candidate))
    scored.sort(key=lambda item: (-item[0], item[1].places[0], item[1].terms))
    statements = []
    for fit, candidate in scored[:limit]:
        last = len(candidate.terms) - 1
        spans = [Span(int(analysis.starts[p]), int(analysis.ends[p + last])) for p in candidate.places.tolist()]
        statements.append(mention_statement(analysis, spans, fit))
    return statements


def _headings(scope: Scope, found: Found, fitting: Fitting, field: TemplateField, limit: int) -> list[Statement]:
    spans = [block.span for block in scope.blocks if block.kind is BlockKind.HEADING]
    texts = [scope.analysis.quote(span) for span in spans]
    fits = fitting.fits_texts(field, texts).tolist()
    good = sorted((-fit, span, text) for fit, span, text in zip(fits, spans, texts, strict=True) if fit >= FLOOR)[
        :limit
    ]
    return [Statement(text, (span,), round(-fit, 4)) for fit, span, text in sorted(good, key=lambda item: item[1])]


def _fitting_sentences(
    scope: Scope, fitting: Fitting, field: TemplateField, *, worst_tier: int
) -> Iterator[tuple[int, float]]:
    """Yield the scope's sentences that fit, best first, with their fit; importance decides between equals."""
    analysis = scope.analysis
    fits = fitting.fits(field)[scope.first : scope.last]
    tiers = analysis.tiers[scope.first : scope.last]
    order = fits * (0.8 + 0.2 * scope.importance) * (1.0 - (1.0 - _LIMPING) * (tiers > 0))
    for row in (-order).argsort(kind="stable").tolist():
        if fits[row] >= FLOOR and tiers[row] <= worst_tier:
            yield scope.first + row, float(fits[row])


def _distinct(analysis: Analysis, ranked: Iterator[tuple[int, float]], limit: int) -> list[tuple[int, float]]:
    """Return the first of some sentences, those left out that say again what one before them says."""
    chosen: list[tuple[int, float]] = []
    seen: list[set[int]] = []
    for sentence, fit in ranked:
        if len(chosen) == limit:
            break
        ids = set(analysis.ids[analysis.firsts[sentence] : analysis.firsts[sentence + 1]].tolist())
        if all(len(ids & other) < _SAME_SHARE * len(ids | other) for other in seen):
            chosen.append((sentence, fit))
            seen.append(ids)
    return chosen


_MAKERS: Mapping[FieldKind, _Maker] = MappingProxyType(
    {
        FieldKind.STATEMENT: _statements,
        FieldKind.QUOTE: _quotes,
        FieldKind.QUESTION: _questions,
        FieldKind.ENTITY: _entities,
        FieldKind.FIGURE: _figures,
        FieldKind.DATE: _dates,
        FieldKind.TERM: _terms,
        FieldKind.HEADING: _headings,
    }
)
