"""A run that never happened, with its trace, its power log and its true energy."""
