"""What one vendor's words are in the other's."""
