"""A simulator of the Realtime API, strict and scripted.

`session.SimulatedSession` is one connection without socket, clock or thread; `simulator.Simulator` drives many of them.
"""
