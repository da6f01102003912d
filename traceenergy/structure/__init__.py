"""Sequence of kernels -> steps and layers of a model."""
