"""GPU work -> transformer phase."""
