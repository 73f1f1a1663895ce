"""Flow matching opened up: lines from noise to data, their mean velocity, and what following it makes.

Sources: Lipman et al. 2023, *Flow Matching for Generative Modeling*; Liu et al. 2023, *Flow Straight and Fast*.
"""
