from odqa.data.builder import DocumentBuilder
from odqa.engine import Engine
from odqa.schema import Draft
from odqa.settings import Settings


class Curious:
    """A reader that notes what it is given."""

    name = "curious"

    def __init__(self, *, reads_summaries):
        self.reads_summaries = reads_summaries
        self.seen = []

    def draft(self, question, evidence, style):
        self.seen = list(evidence)
        return Draft((), "I only look.", 0.0)


def documents():
    for town, subject in (("Esker", "bridge"), ("Tarrow", "ferry")):
        builder = DocumentBuilder(town, title=f"The {subject} of {town}")
        builder.heading(f"The {subject} of {town}")
        for year in range(1990, 1999):
            builder.paragraph(
                f"In {year} the {subject} of {town} was painted by the county and then closed for repairs."
            )
        yield builder.build()


def test_a_reader_that_asks_for_it_is_told_what_each_document_is_about(tmp_path):
    settings = Settings(encoder="hashing", refuse_below=0)
    with Engine.build(documents(), tmp_path / "towns.odqa", settings=settings) as engine:
        for wanted in (True, False):
            reader = Curious(reads_summaries=wanted)
            engine.reader = reader
            engine.ask("When was the bridge of Esker painted?")
            assert reader.seen
            assert all(bool(item.summary) == wanted for item in reader.seen)
        gists = {item.document.id: item.summary for item in _told(engine)}
        assert "Esker" in gists["Esker"]


def _told(engine):
    reader = Curious(reads_summaries=True)
    engine.reader = reader
    engine.ask("When was the bridge of Esker painted?")
    return reader.seen
