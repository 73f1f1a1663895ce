"""A run that began from another one, beside what it began from: its texts, losses, predictions and weights."""
