"""PDF: paragraphs, headings, tables and pages rebuilt from the text layer."""

from __future__ import annotations

from pathlib import Path

import pytest
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from odqa.data.loaders.pdf import PdfLoader
from odqa.errors import LoadError
from odqa.schema import Document

EXAMPLE = Path(__file__).parents[2] / "examples" / "library" / "engineers-survey.pdf"


def load(path: Path) -> Document:
    (document,) = PdfLoader().load(path)
    return document


def outline(document: Document) -> list[tuple[str, int, str]]:
    return [(str(b.kind), b.page or 0, b.span.of(document.text)) for b in document.blocks]


class Report(FPDF):
    def header(self) -> None:
        self.set_font("Helvetica", "I", 8)
        self.cell(0, 6, "Tarrowmouth Harbour Commission", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(8)

    def footer(self) -> None:
        self.set_y(-18)
        self.set_font("Helvetica", "", 8)
        self.cell(0, 6, f"page {self.page_no()}", align="C")

    def say(self, text: str, size: float = 11, style: str = "", gap: float = 4) -> None:
        self.set_font("Courier" if style == "code" else "Times", "" if style == "code" else style, size)
        self.multi_cell(0, size * 0.5, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(gap)


def write(tmp_path: Path, *pages: list[tuple[str, float, str]], **options: str) -> Path:
    pdf = Report(format=(148, 210))
    for page in pages:
        pdf.add_page()
        for text, size, style in page:
            pdf.say(text, size, style)
    if "password" in options:
        pdf.set_encryption(owner_password="owner", user_password=options["password"])
    if "title" in options:
        pdf.set_title(options["title"])
    path = tmp_path / "ground-report.pdf"
    pdf.output(str(path))
    return path


BODY = (
    "The line of the pier crosses a buried river channel, which we call the Old Tarrow. Between the two marks the firm "
    "clay found elsewhere is missing, and in its place is soft grey silt. No pile can be founded in it."
)


def test_headings_paragraphs_pages_and_running_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        [("The Ground Report", 20, ""), ("1. Findings", 14, "B"), (BODY, 11, ""), (BODY, 11, "")],
        [("1.1 The silt", 11, "B"), (BODY, 11, "")],
        [
            ("2. Advice", 14, "B"),
            ("- Longer piles are needed.\n- Or another line.", 11, ""),
            ("x = 1\ny = 2", 10, "code"),
        ],
    )
    document = load(path)
    assert outline(document) == [
        ("heading", 1, "The Ground Report"),
        ("heading", 1, "1. Findings"),
        ("paragraph", 1, BODY),
        ("paragraph", 1, BODY),
        ("heading", 2, "1.1 The silt"),
        ("paragraph", 2, BODY),
        ("heading", 3, "2. Advice"),
        ("list", 3, "- Longer piles are needed.\n- Or another line."),
        ("code", 3, "x = 1\ny = 2"),
    ]
    assert [block.level for block in document.blocks if block.level] == [1, 2, 3, 2]
    assert document.title == "The Ground Report"
    assert document.metadata["pages"] == 3
    assert document.media_type == "application/pdf"


def test_a_paragraph_goes_on_over_the_page(tmp_path: Path) -> None:
    document = load(
        write(
            tmp_path,
            [(BODY, 11, ""), ("The sampler sank under the", 11, "")],
            [("weight of its rods.", 11, ""), (BODY, 11, "")],
        )
    )
    assert outline(document)[1] == ("paragraph", 1, "The sampler sank under the weight of its rods.")


def test_words_broken_at_the_line_end_are_mended_but_compounds_keep_their_hyphen(tmp_path: Path) -> None:
    text = "The break-\nwater was set by a jack-\nup platform. The breakwater stood. It was a jack-up platform indeed."
    texts = [text for _, _, text in outline(load(write(tmp_path, [(text, 11, "")], [(BODY, 11, "")])))]
    assert texts[0].startswith("The breakwater was set by a jack-up platform.")


def test_contents_with_dot_leaders_are_left_out(tmp_path: Path) -> None:
    contents = "Findings" + " ." * 30 + " 3\nAdvice" + " ." * 30 + " 4"
    document = load(
        write(tmp_path, [("Contents", 14, "B"), (contents, 11, "")], [("Findings", 14, "B"), (BODY, 11, "")])
    )
    assert [text for _, _, text in outline(document)] == ["Findings", BODY]


def test_one_typeface_leaves_numbers_to_tell_headings(tmp_path: Path) -> None:
    document = load(write(tmp_path, [("1. Findings", 11, ""), (BODY, 11, ""), ("2. Advice", 11, ""), (BODY, 11, "")]))
    assert [text for kind, _, text in outline(document) if kind == "heading"] == ["1. Findings", "2. Advice"]


def test_the_information_title_wins_unless_it_is_a_file_name(tmp_path: Path) -> None:
    assert load(write(tmp_path, [(BODY, 11, "")], title="The Silt")).title == "The Silt"
    assert load(write(tmp_path, [(BODY, 11, "")], title="Microsoft Word - draft3.docx")).title == "Ground report"


def test_the_example_report(tmp_path: Path) -> None:
    document = load(EXAMPLE)
    assert document.title == "Report on the Second Ground Investigation"
    assert "Report 93/417 - page" not in document.text
    tables = [block for block in document.blocks if block.kind == "table"]
    assert [(len(table.rows), len(table.rows[0]), table.header_rows) for table in tables] == [
        (11, 6, 1),
        (4, 6, 1),
        (8, 4, 1),
    ]
    assert [cell.of(document.text) for cell in tables[0].rows[6]] == ["BH6", "original", "120", "5.3", "17.7", "23.5"]
    headings = [b.span.of(document.text) for b in document.blocks if b.kind == "heading"]
    assert "5.4 Why the channel was not suspected" in headings
    assert {block.page for block in document.blocks} == set(range(1, 10))


def test_a_password_is_named_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"password|encrypted") as caught:
        load(write(tmp_path, [(BODY, 11, "")], password="secret"))
    assert "qpdf --decrypt" in caught.value.remedy


def test_a_scan_is_sent_to_ocr(tmp_path: Path) -> None:
    pdf = FPDF()
    pdf.add_page()
    pdf.rect(10, 10, 100, 100, style="F")
    path = tmp_path / "scan.pdf"
    pdf.output(str(path))
    with pytest.raises(LoadError, match="no text layer") as caught:
        load(path)
    assert "OCR" in caught.value.remedy


@pytest.mark.parametrize("keep", [0.02, 0.3, 0.7])
def test_a_truncated_file_is_an_error_or_a_part_of_the_document(tmp_path: Path, keep: float) -> None:
    data = EXAMPLE.read_bytes()
    path = tmp_path / "cut.pdf"
    path.write_bytes(data[: int(len(data) * keep)])
    try:
        assert load(path).text
    except LoadError as error:
        assert error.remedy  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize("data", [b"", b"not a PDF at all", b"%PDF-1.7\n%%EOF"], ids=["empty", "text", "bare"])
def test_what_is_no_pdf_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.pdf"
    path.write_bytes(data)
    with pytest.raises(LoadError):
        load(path)
