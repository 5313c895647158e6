"""Structured summaries: a document and its sections as named fields whose every statement points to its source."""
