"""The ops surface: what operators see of the sessions, and how they steer them."""
