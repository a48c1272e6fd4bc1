"""Calls over HTTP: a client for threads that may block, and the caller of functions with its allow list."""
