"""One session in the words of the beta, and in the current ones."""

FLAT = {
    "modalities": ["audio", "text"],
    "instructions": "Be brief.",
    "voice": "marin",
    "speed": 1.1,
    "input_audio_format": "pcm16",
    "output_audio_format": "g711_ulaw",
    "input_audio_transcription": {"model": "whisper-1"},
    "input_audio_noise_reduction": None,
    "turn_detection": {"type": "server_vad"},
    "max_response_output_tokens": 100,
}
NESTED = {
    "instructions": "Be brief.",
    "output_modalities": ["audio"],
    "max_output_tokens": 100,
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24_000},
            "transcription": {"model": "whisper-1"},
            "noise_reduction": None,
            "turn_detection": {"type": "server_vad"},
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": "marin", "speed": 1.1},
    },
}
