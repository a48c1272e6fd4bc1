"""The dialects that clients speak: Deepgram's Voice Agent API, and the Realtime API itself."""
