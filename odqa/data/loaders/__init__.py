"""Loaders: one file each, turning one kind of file into documents.

A loader is a class with `suffixes` and `load(path)` (see `odqa.protocols.Loader`). One that sets
`sandboxed = True` is run in a child process under limits on memory and time when documents are read through
`odqa.data.load`. What a loader needs from other packages it imports when it loads, not before.
"""
