"""The listening side of the process."""
