"""The averaging trick in four versions, by hand and on a run's own vectors: from loops to self-attention."""
