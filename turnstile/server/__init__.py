"""The server side: a listener for clients, worker processes on one port, and signals."""
