"""Ablations of pooled entries: what each ingredient of search in two stages buys. Run by docs/make_pooling.py."""
