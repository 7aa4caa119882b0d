"""`python -m solami_relay`: the relay."""

import sys

from solami_relay.app import main

if __name__ == "__main__":
    sys.exit(main())
