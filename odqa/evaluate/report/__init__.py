"""Results as pages that a person reads."""
