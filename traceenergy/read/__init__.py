"""File -> Trace: the only room that opens traces."""
