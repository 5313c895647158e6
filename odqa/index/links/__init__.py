"""Links between the places of a collection, found without a language model."""
