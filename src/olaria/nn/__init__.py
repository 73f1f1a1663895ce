"""Layers that the families share. None knows a family, a device or a data set."""
