"""What the models compute, written out once more in NumPy and float64 from their raw weights: for lessons' checks."""
