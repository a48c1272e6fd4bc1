"""The clients' dialects: Deepgram's Voice Agent API, and the Realtime API itself."""
