"""Question to evidence."""
