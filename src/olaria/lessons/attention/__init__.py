"""Attention: one query's weighted sum by hand, then every layer and head of a run on a sentence."""
