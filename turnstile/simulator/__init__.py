"""A Realtime API of our own, strict and scripted.

`session.SimulatedSession` is one connection without socket, clock or thread; `server.Simulator` drives many of them.
"""
