"""Deepgram's Voice Agent v1 protocol: the client's messages, the server's, and the two kinds of client."""
