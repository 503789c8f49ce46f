"""``python -m stashgen``."""

import sys

from stashgen.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
