"""Runs too large for one analysis: portions analyzed each for itself, their results summed."""
