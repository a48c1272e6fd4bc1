"""Audio formats and their conversion."""
