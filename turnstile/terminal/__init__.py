"""The command line's client side: talk, and the demo's conversation and timeline."""
