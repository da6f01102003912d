"""GPU work with what it waited for -> critical path, slack."""
