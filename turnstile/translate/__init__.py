"""Translation between the Voice Agent protocol and the Realtime API."""
