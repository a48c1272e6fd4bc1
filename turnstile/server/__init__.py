"""Server side: accepts clients, and runs several processes on one port."""
