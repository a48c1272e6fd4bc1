"""The races are those of tests/property, whose parts import each other by name, as those of this directory do."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [path for path in (str(HERE), str(HERE.parent / "property")) if path not in sys.path]
