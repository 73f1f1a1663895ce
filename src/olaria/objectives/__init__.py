"""Objectives: pure functions of tensors, each formula once, per example and in nats."""
