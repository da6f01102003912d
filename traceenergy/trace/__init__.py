"""What a trace is: tables, their origin, their clock."""
