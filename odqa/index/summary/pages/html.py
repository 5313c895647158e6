"""The tree as HTML: one page that holds everything, or for large collections a page for each cluster and document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from odqa.errors import UsageError
from odqa.index.summary.pages.parts import Page, foot, head, node_start, page_name, shown
from odqa.index.summary.pages.text import document_text
from odqa.index.summary.tree import SummaryTree, cluster_node
from odqa.schema import Cluster, NodeKind, TreeNode

ONE_PAGE_DOCUMENTS = 300
ONE_PAGE_CHARACTERS = 3_000_000
"""Larger collections are written as several pages: a browser is slow to open one of more than some ten megabytes."""
_LISTED = 5_000


def fits_one_page(tree: SummaryTree) -> bool:
    """Tell whether a collection is small enough for a single page."""
    return len(tree) <= ONE_PAGE_DOCUMENTS and tree.characters <= ONE_PAGE_CHARACTERS


def to_html(tree: SummaryTree, folder: Path | None = None) -> Iterator[str]:
    """Yield one page with the tree and the texts of all documents, each statement linked to what it rests on.

    Args:
        tree: what to show.
        folder: where the page is going to be, so that links to files can be relative.
    """
    page = Page(tree, folder)
    yield head(tree.title, _facts(tree))
    yield from _nested(page, tree, opened=2 if len(tree) == 1 else 1)
    yield "<h2>The documents</h2>\n"
    for document_id in tree.collection.root.documents:
        yield from _text(page, document_id, opened=False)
    yield foot()


def write_html(tree: SummaryTree, path: Path, pages: Path) -> int:
    """Write the tree as HTML and return the number of pages.

    Args:
        tree: what to show.
        path: the page to begin with; a small collection is all in it.
        pages: folder for the pages of clusters and documents of a large one; below the folder of `path`.

    Raises:
        UsageError: a file cannot be written.
    """
    if fits_one_page(tree):
        write(path, to_html(tree, path.parent))
        return 1
    write(path, _index(tree, path.parent, f"{pages.relative_to(path.parent).as_posix()}/"))
    back = "/".join([".."] * len(pages.relative_to(path.parent).parts) + [path.name])
    count = 1
    for leaf in tree.collection.root.leaves:
        if leaf.id and tree.shows(NodeKind.DOCUMENT):
            write(pages / _cluster_name(leaf), _cluster(tree, leaf, pages, back))
            count += 1
        for document_id in leaf.members:
            write(pages / page_name(tree.number(document_id)), _document(tree, document_id, pages, back))
            count += 1
    return count


def write(path: Path, pieces: Iterable[str]) -> None:
    """Write text to a file that is there as a whole or not at all; folders on the way are made.

    Raises:
        UsageError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(None, "there is a folder of that name")
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.writelines(pieces)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise UsageError(f"{path}: {error.strerror or error}", "choose a place you can write to with -o") from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _facts(tree: SummaryTree) -> str:
    documents, clusters = len(tree), sum(1 for _ in tree.collection.root.leaves)
    found = f", {clusters} clusters" if clusters > 1 else ""
    return f"{documents:,} document{'' if documents == 1 else 's'}{found}"


def _nested(page: Page, nodes: Iterable[tuple[int, TreeNode]], opened: int) -> Iterator[str]:
    """Yield nodes inside one another, those above depth `opened` unfolded."""
    depths: list[int] = []
    for depth, node in nodes:
        while depths and depths[-1] >= depth:
            depths.pop()
            yield "</details>\n"
        yield from node_start(page, node, opened=depth < opened)
        depths.append(depth)
    yield "</details>\n" * len(depths)


def _text(page: Page, document_id: str, *, opened: bool) -> Iterator[str]:
    document, number = page.tree.document(document_id), page.tree.number(document_id)
    yield f'<details class="text" id="t{number}"{" open" if opened else ""}><summary dir="auto">'
    yield f"{shown(document.title or document_id)}</summary>\n"
    yield from document_text(document, number, page.tree.cited(document_id))
    yield "</details>\n"


def _index(tree: SummaryTree, folder: Path, prefix: str) -> Iterator[str]:
    """Yield the first of several pages: the clusters, and unless they are very many, the titles of documents."""
    page = Page(tree, folder, others=prefix)
    yield head(tree.title, _facts(tree))
    yield from node_start(page, tree.root, opened=True)
    root = tree.collection.root
    for cluster in root.children:
        yield from _index_cluster(page, cluster, prefix)
    yield from _titles(page, root, prefix)
    yield "</details>\n" + foot()


def _index_cluster(page: Page, cluster: Cluster, prefix: str) -> Iterator[str]:
    tree = page.tree
    if not tree.shows(NodeKind.CLUSTER):
        return
    is_linked = not cluster.children and tree.shows(NodeKind.DOCUMENT)
    yield from node_start(page, cluster_node(cluster), href=prefix + _cluster_name(cluster) if is_linked else "")
    for child in cluster.children:
        yield from _index_cluster(page, child, prefix)
    yield from _titles(page, cluster, prefix)
    yield "</details>\n"


def _titles(page: Page, cluster: Cluster, prefix: str) -> Iterator[str]:
    tree = page.tree
    if cluster.members and len(tree) <= _LISTED and tree.shows(NodeKind.DOCUMENT):
        yield "<ul>\n"
        for document_id in cluster.members:
            link = f"{prefix}{page_name(tree.number(document_id))}"
            title = shown(tree.document_node(document_id).title)
            yield f'<li class="node" dir="auto"><a href="{link}">{title}</a></li>\n'
        yield "</ul>\n"


def _cluster_name(cluster: Cluster) -> str:
    return f"cluster-{cluster.id}.html"


def _cluster(tree: SummaryTree, cluster: Cluster, folder: Path, back: str) -> Iterator[str]:
    page = Page(tree, folder, others="")
    yield head(cluster.title, f"{len(cluster.members):,} documents of {tree.title}", back)
    yield from node_start(page, cluster_node(cluster), opened=True)
    for document_id in cluster.members:
        yield from node_start(page, tree.document_node(document_id), href=page_name(tree.number(document_id)))
        yield "</details>\n"
    yield "</details>\n" + foot()


def _document(tree: SummaryTree, document_id: str, folder: Path, back: str) -> Iterator[str]:
    page = Page(tree, folder, others="", own=tree.number(document_id))
    node = tree.document_node(document_id)
    sections = tree.sections(document_id) if tree.shows(NodeKind.SECTION) else ()
    yield head(node.title, f"A document of {tree.title}", back)
    yield from _nested(page, [(0, node), *sections], opened=1)
    yield from _text(page, document_id, opened=True)
    yield foot()
