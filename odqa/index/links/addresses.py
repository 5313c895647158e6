"""Addresses of documents, in a form in which a link's target and a document's own address can be compared."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from odqa.index.links.words import digest

KEYS = 5
"""Ways in which a target is read, the surest first."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")
_INDEX = re.compile(r"/(?:index|default)\.(?:x?html?|md|php)$", re.I)
_URLS = ("url", "canonical", "canonical_url", "source_url", "permalink")


def document_keys(id_: str, source: str, metadata: Mapping[str, Any]) -> set[int]:
    """Return the 64-bit names of all addresses by which a link may mean a document."""
    addresses = [id_, source, *(url for name in _URLS if isinstance(url := metadata.get(name), str))]
    found = {digest(f"={address}") for address in addresses if address}
    return found | {digest(normal(address)) for address in addresses if address}


def target_keys(target: str, source: str, id_: str) -> tuple[int, ...]:
    """Return the 64-bit names that a link's target may have, the surest first, 0 for none; `KEYS` of them.

    Args:
        target: a document id, a source, a URL, or a path from the linking document, perhaps with a fragment.
        source: of the linking document.
        id_: of the linking document.
    """
    return _keys(target.strip(), _folder(source), _folder(id_))


@lru_cache(maxsize=1 << 16)
def _keys(target: str, *folders: str) -> tuple[int, ...]:
    found = dict.fromkeys(_readings(target, *folders))
    return (*list(found)[:KEYS], *[0] * max(0, KEYS - len(found)))


def _readings(target: str, *folders: str) -> Iterator[int]:
    if not target or target.startswith("#"):
        return
    yield digest(f"={target}")
    whole = target.partition("#")[0]
    if _is_url(target):
        yield digest(normal(target))
        if whole != target:
            yield digest(normal(whole))
        return
    if whole:
        if whole != target:
            yield digest(normal(_resolve(target, folders[0])))
        for folder in folders:
            yield digest(normal(_resolve(whole, folder)))
        yield digest(normal(whole))


def _is_url(address: str) -> bool:
    return _SCHEME.match(address) is not None and not _DRIVE.match(address)


def _folder(address: str) -> str:
    """Return the folder that a document stands in, up to its last slash: where relative targets start from."""
    path = address.partition("#")[0]
    if not _is_url(address):
        return path[: path.replace("\\", "/").rfind("/") + 1]
    path = path.partition("?")[0]
    return path[: path.rfind("/") + 1] if path.count("/") > 2 else f"{path}/"


def _resolve(target: str, folder: str) -> str:
    """Return a relative target as an address."""
    if not target.startswith(("/", "\\")):
        return folder + target
    if not _is_url(folder):
        return target
    try:
        return urljoin(folder, target)
    except ValueError:
        return target


def normal(address: str) -> str:
    """Return an address in the form in which it is compared.

    Percent-encoding is decoded, `.` and `..` are worked out, backslashes, the scheme, `www.`, a trailing slash and a
    folder's index page make no difference, nor do blanks and underscores.
    """
    host, path = "", address
    if _is_url(address):
        try:
            parts = urlsplit(address)
        except ValueError:
            return address
        host = parts.netloc.lower().removeprefix("www.")
        path = (
            parts.path + (f"?{parts.query}" if parts.query else "") + (f"#{parts.fragment}" if parts.fragment else "")
        )
        host = f"//{host}" if host else ""
    path = unquote(path).replace("\\", "/").replace(" ", "_")
    path = _INDEX.sub("/", posixpath.normpath(path)) if path else ""
    return host + path.rstrip("/")
