"""Merge small segments into larger ones, so that an index built in many commits stays quick to open.

Tiered like a log-structured merge tree: as soon as eight segments of one size class exist they become one of the
next, which copies every document about log₈(n) times in its life. Segments that are mostly deletions are rewritten.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from odqa.index.files import HashMemory
from odqa.index.manifest import Manifest, commit
from odqa.index.segment import Segment, SegmentRef, merge_segments

FAN_IN = 8
_DELETED_SHARE = 0.3


def choose_merge(manifest: Manifest, *, full: bool = False) -> tuple[SegmentRef, ...]:
    """Return the segments to merge next; empty when there is nothing to gain.

    Args:
        manifest: the state of the index.
        full: merge everything into one segment without deletions.
    """
    if full:
        dirty = any(manifest.deletions.values())
        return manifest.segments if len(manifest.segments) > 1 or dirty else ()
    classes: dict[int, list[SegmentRef]] = {}
    for ref in manifest.segments:
        if len(manifest.deletions.get(ref.id, ())) > _DELETED_SHARE * ref.documents:
            return (ref,)
        classes.setdefault(int(math.log(max(ref.passages, 1), FAN_IN)), []).append(ref)
    return next((tuple(refs) for _, refs in sorted(classes.items()) if len(refs) >= FAN_IN), ())


def merge(index: Path, manifest: Manifest, chosen: Sequence[SegmentRef], memory: HashMemory) -> Manifest:
    """Merge the chosen segments into one and commit; returns the new manifest. Needs the writer lock."""
    parts = []
    for ref in chosen:
        gone = set(manifest.deletions.get(ref.id, ()))
        rows = [row for row in range(ref.documents) if row not in gone]
        parts.append((Segment(index / "segments" / ref.id, ref, memory), rows))
    names = {ref.id for ref in chosen}
    kept = [ref for ref in manifest.segments if ref.id not in names]
    if any(rows for _, rows in parts):
        kept.append(merge_segments(index / "segments", parts, int(manifest.encoder["dimension"]), memory))
    deletions = {name: rows for name, rows in manifest.deletions.items() if name not in names}
    merged = manifest.next(segments=tuple(kept), deletions=deletions)
    commit(index, merged)
    return merged


def compact(index: Path, manifest: Manifest, memory: HashMemory, *, full: bool = False) -> Manifest:
    """Merge until nothing is left to gain; returns the new manifest. Needs the writer lock."""
    while chosen := choose_merge(manifest, full=full):
        manifest = merge(index, manifest, chosen, memory)
    return manifest
