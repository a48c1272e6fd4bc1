"""The command line's client: talk, and the demo's conversation and timeline."""
