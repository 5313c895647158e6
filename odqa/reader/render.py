"""Write an answer out: as JSON values, as Markdown with footnotes, as a self-contained HTML page.

Documents are untrusted. Whatever they hold — markup, control characters, marks that look like the answer's own
citations — comes out as the characters it is.
"""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import urlsplit

import regex

from odqa.reader.quote import GAP, clock
from odqa.reader.words import squeeze, unmarked
from odqa.schema import Answer, Citation, Claim, Evidence, Span, Style, Verdict

SCHEMA_VERSION = 1
"""Raised when a key of `to_dict` changes its meaning or goes away."""

# Controls and bidirectional overrides can hide or reorder what a person sees; surrogates cannot be written as UTF-8.
_UNPRINTABLE = regex.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MARKDOWN = regex.compile(r"([\\`*_{}\[\]<>|~#$^])")
# At the start of a line a dash or `12.` would open a list; the mark itself is what has to be escaped.
_BLOCK_START = regex.compile(r"^(\d{0,9})([-+=.)])(?=[-+=\s]|$)")
_STYLE = (
    "body{font:16px/1.55 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;"
    "background:#fff}"
    "h1{font-size:1.3rem}sup a{text-decoration:none;padding:0 .1em}ol{padding-left:1.4rem;font-size:.92rem}"
    "blockquote{margin:.2rem 0 .8rem;padding-left:.8rem;border-left:3px solid #bbb;color:#444}"
    ".flagged{background:#fde8c8}.repaired{border-bottom:1px dotted #888}.note{color:#666;font-size:.9rem}"
    ":target{background:#fff6c4}@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}"
    "a{color:#8ab4f8}blockquote{color:#bbb;border-color:#555}.flagged{background:#5a431a}:target{background:#4a431a}}"
)


def source_line(citation: Citation) -> str:
    """Say where a citation points, on one line: title and headings, then page, time and speaker.

    Args:
        citation: with a page, a time and a speaker where the source has them.
    """
    path = [citation.title, *citation.section]
    if len(path) > 1 and path[0].casefold() == path[1].casefold():
        path = path[1:]
    places = [" › ".join(part for part in path if part) or citation.source]
    if citation.page is not None:
        places.append(f"p. {citation.page}")
    if citation.start_s is not None:
        places.append(clock(citation.start_s))
    if citation.speaker:
        places.append(citation.speaker)
    return squeeze(_UNPRINTABLE.sub("", ", ".join(places)))


def to_dict(answer: Answer) -> dict[str, Any]:
    """Return everything an answer holds as JSON values.

    Args:
        answer: an answer or a refusal.
    """
    return {
        "version": SCHEMA_VERSION,
        "question": answer.question,
        "text": answer.text,
        "refused": answer.refused,
        "reason": answer.reason,
        "confidence": answer.confidence,
        "style": answer.style.value,
        "claims": [_claim_dict(claim) for claim in answer.claims],
        "sources": [
            {"marker": c.marker, "line": source_line(c), "document": c.document_id, "source": c.source}
            for c in answer.sources
        ],
        "evidence": [_evidence_dict(item) for item in answer.evidence],
        "dropped": answer.dropped,
        "timings": {stage: float(seconds) for stage, seconds in answer.timings.items()},
    }


def _claim_dict(claim: Claim) -> dict[str, Any]:
    return {
        "text": claim.text,
        "support": claim.support,
        "verdict": claim.verdict.value,
        "paragraph": claim.paragraph,
        "citations": [_citation_dict(citation) for citation in claim.citations],
    }


def _citation_dict(citation: Citation) -> dict[str, Any]:
    return {
        "marker": citation.marker,
        "document": citation.document_id,
        "title": citation.title,
        "source": citation.source,
        "spans": [list(span) for span in citation.spans],
        "quote": citation.quote,
        "section": list(citation.section),
        "page": citation.page,
        "start_s": citation.start_s,
        "time": clock(citation.start_s) if citation.start_s is not None else None,
        "speaker": citation.speaker,
        "support": citation.support,
    }


def _evidence_dict(item: Evidence) -> dict[str, Any]:
    return {
        "document": item.document.id,
        "title": item.document.title,
        "source": item.document.source or item.document.id,
        "section": list(item.section.path),
        "passage": item.passage.index,
        "span": list(item.passage.span),
        "text": item.text,
        "score": float(item.score),
        "scores": {name: float(value) for name, value in item.scores.items()},
        "path": [{"kind": hop.kind.value, "label": hop.label, "score": float(hop.score)} for hop in item.path],
    }


def _paragraphs(answer: Answer) -> list[list[Claim]]:
    paragraphs: dict[int, list[Claim]] = {}
    for claim in answer.claims:
        paragraphs.setdefault(claim.paragraph, []).append(claim)
    return list(paragraphs.values())


def _markers(claim: Claim) -> list[int]:
    return sorted({citation.marker for citation in claim.citations})


def _markdown(text: str) -> str:
    """Escape text so that Markdown shows its characters and reads none of them as markup."""
    line = _MARKDOWN.sub(r"\\\1", squeeze(_UNPRINTABLE.sub("", text)).replace("&", "&amp;"))
    return str(_BLOCK_START.sub(r"\1\\\2", line))


def to_markdown(answer: Answer) -> str:
    """Write an answer as Markdown, its citations as footnotes.

    Args:
        answer: an answer or a refusal.
    """
    if answer.refused:
        lines = [_markdown(answer.text)]
        if answer.evidence:
            lines += ["", "Nearest passages:", ""]
            lines += [
                f"- {_markdown(item.document.title)}: {_markdown(_excerpt(item.text))}" for item in answer.evidence[:3]
            ]
        return "\n".join(lines) + "\n"
    paragraphs = [" ".join(_markdown_claim(claim) for claim in claims) for claims in _paragraphs(answer)]
    body = "\n".join(f"- {p}" for p in paragraphs) if answer.style is Style.BULLETS else "\n\n".join(paragraphs)
    notes = [
        f"[^{marker}]: {_markdown(source_line(cited[0]))}: “{_markdown(_joined(answer, cited))}”"
        for marker, cited in _by_marker(answer).items()
    ]
    reason = [f"*{_markdown(answer.reason)}.*"] if answer.reason else []
    return "\n\n".join([body, *reason, *(["\n".join(notes)] if notes else [])]) + "\n"


def _markdown_claim(claim: Claim) -> str:
    text = _markdown(unmarked(claim.text)) + "".join(f"[^{n}]" for n in _markers(claim))
    return f"{text} *(unsupported)*" if claim.verdict is Verdict.FLAGGED else text


def _by_marker(answer: Answer) -> dict[int, list[Citation]]:
    cited: dict[int, list[Citation]] = {}
    for citation in answer.citations:
        cited.setdefault(citation.marker, []).append(citation)
    return dict(sorted(cited.items()))


def _joined(answer: Answer, citations: list[Citation]) -> str:
    """The quotes cited under one marker in the order of the source, neighbours without a gap between them."""
    document = next((i.document for i in answer.evidence if i.document.id == citations[0].document_id), None)
    if document is None:
        return GAP.join(dict.fromkeys(squeeze(citation.quote) for citation in citations))
    merged: list[Span] = []
    for span in sorted({span for citation in citations for span in citation.spans}):
        if merged and not document.text[merged[-1].end : span.start].strip():
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return GAP.join(squeeze(span.of(document.text)) for span in merged)


def _excerpt(text: str, limit: int = 200) -> str:
    text = squeeze(text)
    return text if len(text) <= limit else text[:limit].rsplit(" ", 1)[0] + " …"


def _html(text: str) -> str:
    return escape(squeeze(_UNPRINTABLE.sub("", text)))


def to_html(answer: Answer) -> str:
    """Write an answer as an HTML page that needs nothing but itself and runs no script.

    Args:
        answer: an answer or a refusal.
    """
    body = [f"<h1>{_html(answer.question)}</h1>"]
    if answer.refused:
        body.append(f'<p class="refusal">{_html(answer.text)}</p>')
        if answer.evidence:
            body.append("<h2>Nearest passages</h2>")
            body += [
                f"<p>{_html(item.document.title)}</p><blockquote>{_html(_excerpt(item.text))}</blockquote>"
                for item in answer.evidence[:3]
            ]
    else:
        paragraphs = [" ".join(_html_claim(claim) for claim in claims) for claims in _paragraphs(answer)]
        if answer.style is Style.BULLETS:
            body.append("<ul>" + "".join(f"<li>{p}</li>" for p in paragraphs) + "</ul>")
        else:
            body += [f"<p>{p}</p>" for p in paragraphs]
        if answer.reason:
            body.append(f'<p class="note">{_html(answer.reason)}.</p>')
        body.append(
            "<h2>Sources</h2><ol>"
            + "".join(_html_source(answer, n, c) for n, c in _by_marker(answer).items())
            + "</ol>"
        )
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_html(answer.question)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _html_claim(claim: Claim) -> str:
    marks = "".join(f'<sup><a href="#source-{n}">{n}</a></sup>' for n in _markers(claim))
    return f'<span class="claim {claim.verdict.value}">{_html(unmarked(claim.text))}{marks}</span>'


def _html_source(answer: Answer, marker: int, citations: list[Citation]) -> str:
    line, source = _html(source_line(citations[0])), citations[0].source
    if urlsplit(source).scheme in {"http", "https"}:
        line = f'<a href="{escape(source)}" rel="noopener noreferrer nofollow">{line}</a>'
    quoted = f"<blockquote>{_html(_joined(answer, citations))}</blockquote>"
    return f'<li id="source-{marker}" value="{marker}">{line}{quoted}</li>'
