"""Documents to an index on disk: segments, manifest, vectors, postings."""
