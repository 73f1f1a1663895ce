"""Sampling: from latent spaces, and token by token."""
