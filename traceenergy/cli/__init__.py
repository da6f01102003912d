"""Words from the shell: thin."""
