"""The Kullback–Leibler divergence: what it counts, why it is never negative, and what its two directions ask for."""
