"""Measure retrieval, pooling, answers and grounding, and show where the figures deceive."""
