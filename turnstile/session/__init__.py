"""When a thing may go: the pure session machine."""
