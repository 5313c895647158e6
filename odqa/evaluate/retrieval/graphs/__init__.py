"""Published ways of retrieval with a graph or a tree of the corpus, without the language model that they ask for."""
