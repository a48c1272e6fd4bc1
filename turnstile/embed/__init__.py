"""Sessions inside a synchronous host: its functions, its events, and the sockets that it hands over."""
