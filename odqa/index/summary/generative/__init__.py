"""Summaries that a language model writes and a verifier checks.

A document is read section by section, in runs that fit the model; the document's summary is made of its sections'.
Only prose is written: names, figures, dates, headings and quotations stay those of the extractive summarizer. Every
statement rests on sentences of the document, is checked against them, and is dropped or flagged where they do not
support it. What the model answered is kept by the hash of what it was asked.
"""
