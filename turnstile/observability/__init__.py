"""Journal and log of sessions, without secrets."""
