"""``python -m turnstile``: the command line, as ``turnstile`` is."""

import sys

from proxy_main import main

sys.exit(main())
