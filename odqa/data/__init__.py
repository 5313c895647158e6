"""Documents in: loaders, sentences, sections, passages, data sets."""
