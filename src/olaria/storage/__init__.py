"""Storage: what lies on disk, written so that a reader never meets half a file."""
