"""A GPT from end to end: one sentence goes in, one position is followed to its loss, and a text comes out."""
