"""The vocabulary of odqa as frozen data classes: documents, passages, summaries, evidence, answers.

Nothing here does I/O or imports anything heavy. Offsets are always characters (Unicode code points) of a
document's canonical text, half open: `document.text[span.start:span.end]` is exactly what is quoted.
"""

from odqa.schema.answer import (
    Answer,
    AnswerStyle,
    Citation,
    Claim,
    Draft,
    DraftSentence,
    Event,
    EventKind,
    Style,
    Support,
    Verdict,
)
from odqa.schema.collection import CitedField, CitedStatement, Cluster, Collection, Mention, NodeKind, TreeNode
from odqa.schema.document import (
    Block,
    BlockKind,
    Document,
    Link,
    MetadataValue,
    ParsedDocument,
    Passage,
    PassageKind,
    Section,
    Span,
)
from odqa.schema.evidence import (
    Calculation,
    Conflict,
    ConflictKind,
    ConflictSide,
    Copy,
    Evidence,
    Hop,
    HopKind,
    LinkKind,
)
from odqa.schema.summary import FieldKind, PooledEntry, Statement, StructuredSummary, SummaryField
from odqa.schema.trace import Answerability, Cut, CutReason, Found, Stage, Trace
from odqa.schema.work import Failure, Progress

__all__ = [
    "Answer",
    "AnswerStyle",
    "Answerability",
    "Block",
    "BlockKind",
    "Calculation",
    "Citation",
    "CitedField",
    "CitedStatement",
    "Claim",
    "Cluster",
    "Collection",
    "Conflict",
    "ConflictKind",
    "ConflictSide",
    "Copy",
    "Cut",
    "CutReason",
    "Document",
    "Draft",
    "DraftSentence",
    "Event",
    "EventKind",
    "Evidence",
    "Failure",
    "FieldKind",
    "Found",
    "Hop",
    "HopKind",
    "Link",
    "LinkKind",
    "Mention",
    "MetadataValue",
    "NodeKind",
    "ParsedDocument",
    "Passage",
    "PassageKind",
    "PooledEntry",
    "Progress",
    "Section",
    "Span",
    "Stage",
    "Statement",
    "StructuredSummary",
    "Style",
    "SummaryField",
    "Support",
    "Trace",
    "TreeNode",
    "Verdict",
]
