"""The leaves of a collection as one JSON file, which may be deleted at any time.

Vectors and keys are little-endian arrays in base64. The file holds a hash of its own content: one that was damaged,
or that another version wrote, counts as absent.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa import fs
from odqa.index.collection.make import Leaf, Leaves
from odqa.schema import CitedField, CitedStatement, FieldKind, Mention, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAME = "collection.json"
"""What the file is called in a cache folder."""
_ID = re.compile(r"[1-9][0-9]*(?:\.[1-9][0-9]*)?")
VERSION = 1
"""Raised with every change of the file or of how clusters are summarized."""


def write(path: Path, leaves: Leaves) -> None:
    """Write leaves; the same leaves give the same bytes.

    Raises:
        OSError: the file cannot be written.
    """
    body = {
        "version": VERSION,
        "clustered": leaves.clustered,
        "threshold": leaves.threshold,
        "leaves": [_leaf_dict(leaf) for leaf in leaves.leaves],
    }
    text = _dumps(body)
    fs.write_atomic(path, _dumps({"sha256": hashlib.sha256(text).hexdigest()}) + b"\n" + text)


def read(path: Path, dimension: int) -> Leaves | None:
    """Read leaves back; None where there are none that can be used.

    Args:
        path: the file.
        dimension: of the vectors of the index.
    """
    try:
        head, _, text = path.read_bytes().partition(b"\n")
        if json.loads(head)["sha256"] != hashlib.sha256(text).hexdigest():
            return None
        body = json.loads(text)
        if body["version"] != VERSION:
            return None
        leaves = tuple(_leaf_from(leaf, dimension) for leaf in body["leaves"])
        return Leaves(int(body["clustered"]), float(body["threshold"]), leaves)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # A cache: whatever is wrong with it, making it anew is the remedy.


def _leaf_dict(leaf: Leaf) -> dict[str, Any]:
    return {
        "id": leaf.id,
        "title": leaf.title,
        "fields": [
            {"name": f.name, "kind": f.kind.value, "statements": [_statement_list(s) for s in f.statements]}
            for f in leaf.fields
        ],
        "keys": base64.b64encode(leaf.keys.astype("<u8").tobytes()).decode(),
        "centre": base64.b64encode(leaf.centre.astype("<f4").tobytes()).decode(),
        "terms": dict(leaf.terms),
    }


def _statement_list(statement: CitedStatement) -> list[Any]:
    mentions = [[mention.document_id, *mention.spans] for mention in statement.mentions]
    return [statement.text, statement.weight, statement.label, statement.support, statement.documents, mentions]


def _leaf_from(value: dict[str, Any], dimension: int) -> Leaf:
    fields = tuple(
        CitedField(f["name"], FieldKind(f["kind"]), tuple(_statement_from(s) for s in f["statements"]))
        for f in value["fields"]
    )
    if not _ID.fullmatch(value["id"]):
        raise ValueError("a cluster without a proper name")  # Names of clusters become names of files.
    centre = _array(value["centre"], "<f4").astype(np.float32)
    if centre.shape != (dimension,):
        raise ValueError("a centre of another dimension")
    keys = _array(value["keys"], "<u8").astype(np.uint64)
    return Leaf(value["id"], value["title"], fields, keys, centre, value["terms"])


def _statement_from(value: list[Any]) -> CitedStatement:
    text, weight, label, support, documents, mentions = value
    cited = tuple(Mention(id_, tuple(Span(int(start), int(end)) for start, end in spans)) for id_, *spans in mentions)
    return CitedStatement(text, cited, weight, label, support, documents)


def _array(text: str, kind: str) -> NDArray[Any]:
    return np.frombuffer(base64.b64decode(text, validate=True), kind)


def _dumps(value: object) -> bytes:
    # ASCII, so that a lone surrogate in a document's text survives.
    return json.dumps(value, separators=(",", ":")).encode()
