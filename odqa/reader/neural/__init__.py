"""The encoder–decoder reader: a BERT-family encoder reads each passage, a causal decoder writes from all of them."""
