"""The questions that went worst, with what was found for them and what should have been."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from odqa.evaluate.report.parts import Html, clip, element, pairs, section
from odqa.evaluate.report.terms import figure, main_metric, number, words
from odqa.evaluate.result import Result

WORST = 20
"""Questions shown."""

_ITEMS = 6  # passages shown of a side
_TEXTS = ("text", "quote", "passage", "sentence", "claim", "content", "answer", "question")
_SIDES = {
    "answer": "Answer",
    "references": "References",
    "evidence": "Found",
    "gold": "Gold",
    "nearest": "Nearest other questions",
}
_APART = frozenset({"id", "question", "claim", "type", "hops", "metrics", "baselines", "conditions", *_SIDES})


def worst_questions(result: Result) -> Html:
    """Return the questions with the lowest main metric; nothing if no question has one."""
    names = list(dict.fromkeys(name for row in result.rows for name in row.get("metrics", ())))
    main = main_metric(result.task, names)
    known = [row for row in result.rows if math.isfinite(row.get("metrics", {}).get(main, math.nan))]
    known.sort(key=lambda row: row["metrics"][main])
    about = f"The {min(WORST, len(known))} with the lowest {words(main)}, and what was found for them."
    shown = (_question(row, main, unfolded=not place) for place, row in enumerate(known[:WORST]))
    return section("Worst questions", *shown, about=about)


def _question(row: Mapping[str, Any], main: str, *, unfolded: bool) -> Html:
    facts = [f"{words(main)} {figure(main, float(row['metrics'][main]))}"]
    facts += [str(row["type"])] if row.get("type") else []
    facts += [f"{row['hops']} hops"] if isinstance(row.get("hops"), int) and row["hops"] > 1 else []
    others = {
        name: clip(value) if isinstance(value, str) else value
        for name, value in row.items()
        if name not in _APART and isinstance(value, str | int | float) and value != ""
    }
    places = list(_places(row.get("gold")))
    sides = [_side(title, row.get(name), places) for name, title in _SIDES.items()]
    sides += _other_conditions(row.get("conditions"))
    # Folded but for the first: twenty questions with their evidence are many pages.
    return element(
        "details",
        element(
            "summary",
            element("strong", str(row.get("question") or row["id"]), dir="auto"),
            element("span", *(element("span", fact) for fact in [*facts, str(row["id"])]), class_="facts"),
        ),
        element("div", *(side for side in sides if side), class_="sides"),
        pairs(others),
        class_="question",
        open="" if unfolded else None,
    )


def _other_conditions(conditions: Any) -> list[Html]:
    """Return what was answered with other evidence, as the diagnosis keeps it."""
    if not isinstance(conditions, Mapping):
        return []
    return [
        _side(f"Answer with {condition} evidence", found.get("answer") or found.get("refusal"))
        for condition, found in conditions.items()
        if isinstance(found, Mapping) and condition != "retrieved"
    ]


def _side(title: str, value: Any, gold: Sequence[Mapping[str, Any]] = ()) -> Html:
    """Return one side of what is held against each other; nothing if there is nothing."""
    items = list(_items(value, gold if title == _SIDES["evidence"] else ()))
    if not items:
        return Html()
    more = element("p", f"and {len(items) - _ITEMS} more", class_="more") if len(items) > _ITEMS else Html()
    return element("div", element("h3", title), *items[:_ITEMS], more)


def _items(value: Any, gold: Sequence[Mapping[str, Any]]) -> Iterator[Html]:
    """Yield pieces of evidence or references in whatever form a task keeps them: text, a record, or a list of these."""
    if value is None or value == "":
        return
    if isinstance(value, Mapping):
        yield _record(value, gold)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for member in value:
            yield from _items(member, gold)
    else:
        yield element("blockquote", element("p", clip(str(value)), dir="auto"))


def _record(record: Mapping[str, Any], gold: Sequence[Mapping[str, Any]]) -> Html:
    name = next((name for name in _TEXTS if isinstance(record.get(name), str) and record[name]), "")
    rest = {key: value for key, value in record.items() if key != name and isinstance(value, str | int | float)}
    line = [f"{words(key)} {number(value)}" for key, value in rest.items() if value != ""]
    if spans := list(_spans(record)):
        line.append("characters " + ", ".join(f"{start:,}–{end:,}" for start, end in spans))
    hit = any(record.get(key) is True for key in ("gold", "relevant", "hit")) or _is_gold(record, gold)
    return element(
        "blockquote",
        element("p", clip(record[name]), dir="auto") if name else Html(),
        element("p", clip(" · ".join(line)), class_="source") if line else Html(),
        class_="hit" if hit else None,
        title="gold evidence" if hit else None,
    )


def _places(gold: Any) -> Iterator[Mapping[str, Any]]:
    for item in gold if isinstance(gold, list | tuple) else ():
        if isinstance(item, Mapping) and "document_id" in item:
            yield item


def _is_gold(record: Mapping[str, Any], gold: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a passage shares characters with gold evidence, or its document where no characters are marked."""
    for item in gold:
        if item["document_id"] == record.get("document_id"):
            marked, own = list(_spans(item)), list(_spans(record))
            if not marked or not own or any(a < d and c < b for a, b in marked for c, d in own):
                return True
    return False


def _spans(record: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    spans = record.get("spans", [record["span"]] if "span" in record else [])
    for span in spans if isinstance(spans, list | tuple) else ():
        if isinstance(span, list | tuple) and len(span) == 2 and all(isinstance(end, int) for end in span):
            yield span[0], span[1]
