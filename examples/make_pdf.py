"""Build library/engineers-survey.pdf from engineers-survey.source.md.

Needs fpdf2.  Usage:  python make_pdf.py [SOURCE] [OUTPUT]

The source is a small subset of Markdown: "#" and "##" headings, paragraphs
separated by blank lines, and tables of "|" rows whose first row is the header.
The first two headings and the paragraph after them make the title page.
Only the core PDF fonts are used, so the text must be Latin-1.  The creation
date is fixed, so that the same source always gives the same bytes.
"""

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import XPos, YPos

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "engineers-survey.source.md"
OUTPUT = HERE / "library" / "engineers-survey.pdf"
ISSUED = datetime(1994, 1, 28, 9, 0, 0, tzinfo=UTC)
RUNNING_TITLE = "Tarrowmouth Harbour: Second Ground Investigation"


class Survey(FPDF):
    """A4 pages with a running title above and a page number below."""

    def header(self):
        if self.page_no() == 1:
            return
        self.set_font("Helvetica", "I", 9)
        self.cell(0, 6, RUNNING_TITLE, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.line(self.l_margin, self.get_y(), self.w - self.r_margin, self.get_y())
        self.ln(6)

    def footer(self):
        self.set_y(-18)
        self.set_font("Helvetica", "", 9)
        self.cell(0, 6, f"Report 93/417 - page {self.page_no()}", align="C")


def blocks(text):
    """Yield ("h1" | "h2" | "p", string) and ("table", rows) in reading order."""
    for chunk in re.split(r"\n\s*\n|\n(?=#)|(?<=\n)(?=#)", text):
        lines = [line.strip() for line in chunk.strip().splitlines()]
        while lines and lines[0].startswith("#"):
            marks, heading = lines.pop(0).split(" ", 1)
            yield f"h{len(marks)}", heading
        if not lines:
            continue
        if lines[0].startswith("|"):
            yield "table", [[c.strip() for c in line.strip("|").split("|")] for line in lines]
        else:
            yield "p", " ".join(lines)


def paragraph(pdf, text, size=11, align="L", gap=3.2):
    pdf.set_font("Times", "", size)
    pdf.multi_cell(0, size * 0.53, text, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.ln(gap)


def heading(pdf, text, size):
    if pdf.get_y() > pdf.h - 60:  # never leave a heading alone at the foot of a page
        pdf.add_page()
    pdf.ln(3)
    pdf.set_font("Helvetica", "B", size)
    pdf.multi_cell(0, size * 0.5, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.ln(2)


def table(pdf, rows):
    if pdf.get_y() + 7 * len(rows) > pdf.h - 35:
        pdf.add_page()
    pdf.set_font("Helvetica", "", 9)
    widths = [max(len(row[i]) for row in rows) + 3 for i in range(len(rows[0]))]
    with pdf.table(rows, line_height=6, text_align="LEFT", col_widths=widths):
        pass
    pdf.ln(4)


def build(source, output):
    parts = list(blocks(source.read_text(encoding="utf-8")))
    pdf = Survey(format="A4")
    pdf.set_creation_date(ISSUED)
    pdf.set_title("Report on the Second Ground Investigation")
    pdf.set_author("Marchbank & Thole, Consulting Engineers")
    pdf.set_lang("en-GB")
    pdf.set_margins(28, 22, 28)
    pdf.set_auto_page_break(True, margin=28)

    pdf.add_page()
    pdf.ln(60)
    heading(pdf, parts[0][1], 22)
    heading(pdf, parts[1][1], 15)
    pdf.ln(8)
    paragraph(pdf, parts[2][1], size=12)
    pdf.add_page()

    for kind, content in parts[3:]:
        if kind == "h1":
            heading(pdf, content, 15)
        elif kind == "h2":
            heading(pdf, content, 12)
        elif kind == "table":
            table(pdf, content)
        else:
            paragraph(pdf, content)

    output.parent.mkdir(parents=True, exist_ok=True)
    pdf.output(str(output))
    return pdf.page_no()


if __name__ == "__main__":
    src = Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else OUTPUT
    print(f"{out.name}: {build(src, out)} pages")
