"""A Realtime API of our own, strict and scripted."""
