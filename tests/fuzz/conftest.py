"""The fuzzers import each other by name, and the stage of the transcripts."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "transcripts")]
