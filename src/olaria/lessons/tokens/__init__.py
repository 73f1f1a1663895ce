"""Tokens: a text becomes integers, and the integers become vectors."""
