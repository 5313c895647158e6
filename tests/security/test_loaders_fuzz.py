"""Mutated files: every loader gives documents that hold together, or an error that it means to give.

A few hundred mutations of each kind run by default; `pytest -m slow` runs thousands. All of them go through the
sandbox, so that a crash or a hang is a failed test and not the end of the tests.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from fpdf import FPDF

from odqa.data.sandbox import Sandbox
from odqa.errors import OdqaError
from odqa.schema import BlockKind, Document

LIBRARY = Path(__file__).parents[2] / "examples" / "library"
LIMIT_S = 20.0
# What the sandbox says of a parser that did not cope by itself.
NOT_COPED = re.compile(r"crashed|time limit|processor time|more memory|cannot be parsed|stopped answering|answer")

WORDS = {
    "text": rb"\n\n ===== Q:\x20 A:\x20 1.2\x20 -\x20 \x0c \x20\x20\x20\x20 | CHAPTER\x20X \xef\xbb\xbf \x00",
    "markdown": rb"#\x20 ---\n ``` |a|b|\n|-|-|\n [x](y) ![ >\x20 -\x20 <div> &#0; ** \n\n",
    "html": rb"<table> <tr><td\x20colspan=99999\x20rowspan=9999> </p> <a\x20href='//[x'> <li> <pre> <!-- <h1>"
    rb" </table> <caption> &#xD800; <figure> <meta\x20charset=utf-7> <svg><title> \x00 <ol\x20start=9999>",
    "pdf": rb"\x200\x20R endobj stream\n endstream /Length\x2099999999 /Kids\x20[1\x200\x20R] << >> BT -1"
    rb" 1e309 trailer xref /Filter\x20/FlateDecode /Type\x20/Page startxref\n0 /Encrypt\x201\x200\x20R [[[[[[[[ ((((",
    "table": rb"\" , ; \t \r \n sep=;\n \"\"\" \x00",
    "transcript": rb"--> <v\x20 </v> 00:00:01,000\x20-->\x2000:00:00,000\n NOTE\n \n\n >>\x20 99:99 {\x5can8}",
    "jsonl": rb"{ } [ \" \x5cud800 1e999 \n \"text\":\x20 \"sections\":[ null [[[[[[[[[[[[[[[[",
}
"""Words of each format that mutations put where they do not belong, written as escapes and parted by blanks."""
FILES = {
    "text": "interview-dock-foreman.txt",
    "markdown": "harbour-commission-report.md",
    "html": "breakwater-page.html",
    "table": "costs.csv",
    "transcript": "council-meeting-1994-03-17.vtt",
    "jsonl": "museum-catalogue.jsonl",
}


def words(kind: str) -> list[bytes]:
    return [word.decode("unicode_escape").encode("latin-1") for word in WORDS[kind].split()]


def small_pdf() -> bytes:
    """A PDF of two pages whose streams are not compressed, so that mutations reach what is in them."""
    pdf = FPDF()
    pdf.set_compression(False)
    for number in range(2):
        pdf.add_page()
        pdf.set_font("Helvetica", "B", 16)
        pdf.cell(0, 10, f"{number + 1}. A heading", new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("Times", "", 11)
        pdf.multi_cell(0, 6, "The line of the pier crosses a buried river channel. " * 6, new_x="LMARGIN", new_y="NEXT")
        with pdf.table([["Pin", "Depth", "Year"], ["P1", "230", "1993"], ["P2", "247", "1994"], ["P3", "1", "1995"]]):
            pass
    return bytes(pdf.output())


def mutate(data: bytes, kind: str, chance: random.Random) -> bytes:
    """Damage a file as transfers, editors and attackers do: bytes, pieces, the end, and words of its own format."""
    mutated = bytearray(data)
    alien = words(kind)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        place = chance.randrange(len(mutated) + 1)
        length = min(chance.choice((1, 2, 8, 64, 512)), len(mutated) - place)
        match chance.randrange(7):
            case 0 if length:
                mutated[place : place + length] = chance.randbytes(length)
            case 1:
                del mutated[place : place + length]
            case 2:
                mutated[place:place] = chance.choice(alien) * chance.choice((1, 1, 3, 50))
            case 3:
                mutated[place : place + length] = mutated[place : place + length] * chance.choice((2, 20))
            case 4 if len(mutated) > 8:
                del mutated[chance.randrange(len(mutated)) :]
            case 5:
                other = chance.randrange(len(mutated) + 1)
                mutated[place:place] = mutated[other : other + length]
            case _:
                mutated[place : place + 1] = bytes([chance.randrange(256)])
        mutated = mutated[:200_000]
    return bytes(mutated)


def check(document: Document) -> None:
    """Assert what every later stage relies on."""
    text, end = document.text, 0
    assert document.id
    assert document.title == " ".join(document.title.split())
    for block in document.blocks:
        assert end <= block.span.start < block.span.end <= len(text)
        assert not text[end : block.span.start].strip()
        assert block.span.contains(block.body)
        end = block.span.end
        cells = [cell for row in block.rows for cell in row]
        assert all(block.span.contains(cell) and cell.start <= cell.end for cell in cells)
        assert all(one.end <= other.start for one, other in pairwise(cells))
        assert bool(cells) == (block.kind is BlockKind.TABLE)
        assert block.header_rows <= len(block.rows)
        assert (block.start_s or 0) <= (block.end_s or block.start_s or 0)
    assert not text[end:].strip()
    assert all(0 <= link.span.start < link.span.end <= len(text) and link.target for link in document.links)
    text.encode()
    document.id.encode()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(timeout_s=LIMIT_S) as opened:
        yield opened


def fuzz(sandbox: Sandbox, kind: str, folder: Path, *, seed: int, count: int) -> None:
    original = small_pdf() if kind == "pdf" else (LIBRARY / FILES[kind]).read_bytes()[:12_000]
    chance = random.Random(f"{kind} {seed}")
    path = folder / f"mutated{Path(FILES.get(kind, '.pdf')).suffix or '.pdf'}"
    documents = 0
    for number in range(count):
        path.write_bytes(mutate(original, kind, chance))
        try:
            for document in sandbox.load(kind, path):
                check(document)
                documents += 1
        except OdqaError as error:
            if NOT_COPED.search(str(error)):
                kept = folder / f"failed-{kind}-{seed}-{number}{path.suffix}"
                kept.write_bytes(path.read_bytes())
                pytest.fail(f"{error}: kept as {kept}")
    assert documents > count // 10, "the mutations leave too little to be read"


@pytest.mark.parametrize("kind", sorted(WORDS))
def test_mutated_files(kind: str, sandbox: Sandbox, tmp_path: Path) -> None:
    fuzz(sandbox, kind, tmp_path, seed=1, count=300)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
@pytest.mark.parametrize("kind", sorted(WORDS))
def test_many_mutated_files(kind: str, seed: int, sandbox: Sandbox, tmp_path: Path) -> None:
    fuzz(sandbox, kind, tmp_path, seed=seed, count=500)


REPEATED = {
    "text": ["Q: a\n", "A\n\n", "| ", "- x\n", "1.1 ", " ", "a:", "x\n====\n", "\t"],
    "markdown": ["[", "![", "*a ", "`", "> ", "- ", "<", "[a](", "| ", "&", "[x][", "# ", "---\n"],
    "html": ["<div>", "<b>", "<table><tr><td>", "<a href=x>", "<li>", "<!--", "&", "<p", "<div class=sidebar>x"],
    "table": ['"', ",", '"\n', "a;b,c\n", '""', "\r"],
    "transcript": ["<v ", "00:00:01.000 --> 00:00:02.000\nx\n", "-->", "{\\", "<", ">> ", "a:"],
    "jsonl": ["[", "{", '{"text":"x"}\n', '"', "\\", '{"a":'],
}


@pytest.mark.parametrize("kind", sorted(REPEATED))
def test_one_thing_repeated_forever_takes_no_forever(kind: str, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / f"repeated{Path(FILES[kind]).suffix}"
    for piece in REPEATED[kind]:
        path.write_text("WEBVTT\n\n" * (kind == "transcript") + piece * (30_000 // len(piece)), newline="")
        try:
            for document in sandbox.load(kind, path):
                check(document)
        except OdqaError as error:
            assert not NOT_COPED.search(str(error)), f"{piece!r}: {error}"  # noqa: PT017
