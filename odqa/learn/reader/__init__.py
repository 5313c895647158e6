"""Training of the encoder–decoder reader: examples, what the verifier says of them, and the run itself."""
