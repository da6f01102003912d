"""Trace -> Analysis: calls the rooms in order."""
