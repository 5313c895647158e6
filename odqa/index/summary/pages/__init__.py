"""The tree of summaries written out: Markdown, JSON, and HTML pages that need nothing but themselves."""
