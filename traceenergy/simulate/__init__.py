"""A run that never happened, with its trace, its power log, its true energy."""
