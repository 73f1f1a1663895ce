"""Training: the one loop, and what steers and watches it."""
