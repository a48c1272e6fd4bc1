"""Deepgram's Voice Agent v1 protocol: messages of both directions, and the two kinds of client."""
