"""Web pages: what a reader sees, as blocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from odqa.data.loaders.html import HtmlLoader
from odqa.errors import LoadError
from odqa.schema import Document


def load(tmp_path: Path, content: str | bytes, name: str = "the-page.html") -> Document:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (document,) = HtmlLoader().load(path)
    return document


def outline(document: Document) -> list[tuple[str, str]]:
    return [(str(b.kind), b.span.of(document.text)) for b in document.blocks]


def test_blocks_in_reading_order(tmp_path: Path) -> None:
    document = load(
        tmp_path,
        "<h1>A <em>fine</em>\n title</h1><p>One<br>two&nbsp;&amp; three.</p>loose <b>text</b>"
        "<blockquote><p>Quoted.</p></blockquote><h3>Deeper</h3><pre>x = 1\n  y</pre>"
        "<figure><img src=a alt='not shown'><figcaption>The pier</figcaption></figure>"
        "<figure><img alt='A map'></figure>",
    )
    assert outline(document) == [
        ("heading", "A fine title"),
        ("paragraph", "One two & three."),
        ("paragraph", "loose text"),
        ("paragraph", "Quoted."),
        ("heading", "Deeper"),
        ("code", "x = 1\n y"),
        ("caption", "The pier"),
        ("caption", "A map"),
    ]
    assert [block.level for block in document.blocks if block.level] == [1, 3]


def test_lists_keep_order_numbers_and_nesting(tmp_path: Path) -> None:
    document = load(
        tmp_path,
        "<ol start=4><li>one<ul><li>under</ul>tail</li><li><p>two</p><p>more</p></ol>"
        "<dl><dt>Toe<dd>the lowest row</dl>",
    )
    assert outline(document) == [
        ("list", "- 4. one\n- under\n- tail\n- 5. two more"),
        ("list", "- Toe the lowest row"),
    ]


def test_tables_have_caption_header_and_spans(tmp_path: Path) -> None:
    document = load(
        tmp_path,
        "<table><caption>Costs</caption><thead><tr><th>Year<th colspan=2>Amount</thead>"
        "<tr><td rowspan=2>1991<td>budget<td><a href='https://example.org/b'>310</a><tr><td>actual<td>342"
        "<tr><td>1992<td colspan=2>none</table>",
    )
    caption, table = document.blocks
    assert caption.span.of(document.text) == "Costs"
    assert [[cell.of(document.text) for cell in row] for row in table.rows] == [
        ["Year", "Amount", "Amount"],
        ["1991", "budget", "310"],
        ["1991", "actual", "342"],
        ["1992", "none", ""],
    ]
    assert table.header_rows == 1
    assert [(link.span.of(document.text), link.target) for link in document.links] == [("310", "https://example.org/b")]


def test_a_table_that_only_arranges_the_page_is_no_table(tmp_path: Path) -> None:
    document = load(
        tmp_path,
        "<table><tr><td><h2>News</h2><p>It blew.</p><td><table><tr><td>Year<td>Cost<tr><td>1991<td>3</table></table>"
        "<table><tr><td>alone</table>",
    )
    assert [kind for kind, _ in outline(document)] == ["heading", "paragraph", "table", "paragraph"]


def test_menus_scripts_and_hidden_parts_are_left_out(tmp_path: Path) -> None:
    document = load(
        tmp_path,
        "<body class='has-sidebar'><nav>Home</nav><div class='cookie-banner'>We bake</div><script>var x</script>"
        "<style>p{}</style><p hidden>h1</p><p style='display : none'>h2</p><div aria-hidden=true>h3</div>"
        "<div role=navigation>h4</div><aside>h5</aside><noscript>h6</noscript>"
        "<template>h7</template><select><option>h8</select>"
        "<p>Kept<sup class=reference>[1]</sup> by all, since it is what the page is about.</p>"
        "<footer>h9</footer></body>",
    )
    assert document.text == "Kept by all, since it is what the page is about."


def test_main_content_is_preferred_where_it_is_one(tmp_path: Path) -> None:
    story = "<p>The pier was built in 1902 by a hundred and sixty men.</p>"
    assert load(tmp_path, f"<div>Shop</div><main>{story}</main><div>Terms</div>").text.startswith("The pier")
    # An empty shell is no main content, whatever it is called.
    assert "The pier" in load(tmp_path, f"<main><p>x</p></main><div>{story}</div>").text
    # A container that holds the page is the page, whatever it is called.
    assert "The pier" in load(tmp_path, f"<div class='sidebar'>{story}</div><p>x</p>").text


def test_title_metadata_and_links_from_the_head(tmp_path: Path) -> None:
    document = load(
        tmp_path,
        "<html lang=en><head><title>The\n Pier &mdash; Museum</title><meta name=Author content='A. Thole'>"
        "<meta property='article:published_time' content='1994-01-28'><meta name=description content='All of it'>"
        "<link rel=canonical href='https://example.org/pier/index.html'></head>"
        "<body><p>See <a href='../map.html#x'>the <b>map</b></a>, "
        "<a href='#top'>top</a> or <a href='javascript:x()'>run</a>.</p>",
    )
    assert document.title == "The Pier — Museum"
    assert document.metadata == {
        "author": "A. Thole",
        "date": "1994-01-28",
        "description": "All of it",
        "language": "en",
        "url": "https://example.org/pier/index.html",
    }
    assert [(link.span.of(document.text), link.target) for link in document.links] == [
        ("the map", "https://example.org/map.html")
    ]


def test_links_between_files_are_the_ids_of_their_documents(tmp_path: Path) -> None:
    document = load(tmp_path, "<p><a href='sub/other%20page.html?x=1#y'>there</a></p>")
    assert [link.target for link in document.links] == [str(tmp_path / "sub" / "other page.html")]


@pytest.mark.parametrize(
    "data",
    [
        "<p>Café – £40</p>".encode(),
        "<p>Café – £40</p>".encode("utf-8-sig"),
        "<p>Café – £40</p>".encode("utf-16"),
        "<meta charset=windows-1252><p>Café – £40</p>".encode("cp1252"),
        "<meta http-equiv=content-type content='text/html; charset=iso-8859-1'><p>Café – £40</p>".encode("cp1252"),
        "<?xml version='1.0' encoding='windows-1252'?><html><body><p>Café – £40</p></body></html>".encode("cp1252"),
        "<meta charset=windows-1252><p>Café – £40</p>".encode(),
    ],
    ids=["utf8", "bom", "utf16", "meta", "http-equiv", "xml", "wrong-declaration"],
)
def test_encodings(tmp_path: Path, data: bytes) -> None:
    assert load(tmp_path, data).text == "Café – £40"


def test_xhtml_self_closed_elements_do_not_swallow_the_page(tmp_path: Path) -> None:
    page = (
        "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title/><script src='a'/></head>"
        "<body><p>Here.</p></body></html>"
    )
    assert load(tmp_path, page, "a.xhtml").text == "Here."


@pytest.mark.parametrize(
    "tag", ["div", "b", "ul><li", "table><tr><td", "blockquote", "a href=x", "div class=sidebar", "pre"]
)
def test_nesting_ten_thousand_deep_is_read(tmp_path: Path, tag: str) -> None:
    document = load(tmp_path, f"<{tag}>" * 10_000 + "hello")
    assert document.text.endswith("hello")


def test_many_links_and_items_stay_linear(tmp_path: Path) -> None:
    document = load(
        tmp_path, "<ul>" + "<li>an <a href='/x'>item</a>" * 5000 + "</ul><p>" + "<a href='/y'>y</a> " * 5000
    )
    assert len(document.links) == 10_000


@pytest.mark.parametrize(
    "page",
    ["<html></html>", "<body><script>draw()</script><div id=root></div></body>", "<frameset><frame src=a></frameset>"],
    ids=["nothing", "drawn-by-script", "frames"],
)
def test_a_page_without_text_is_refused(tmp_path: Path, page: str) -> None:
    with pytest.raises(LoadError, match="no text"):
        load(tmp_path, page)
