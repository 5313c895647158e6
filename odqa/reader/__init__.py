"""Evidence into an answer: readers, the verifier, citations, and how answers are written out."""
