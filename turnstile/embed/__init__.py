"""Python around the proxy: sessions inside a synchronous host, and the core of its own Voice Agent clients."""
