"""What a session tells those who run it."""
