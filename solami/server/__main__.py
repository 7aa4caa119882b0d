"""`python -m solami.server`: the model server."""

import sys

from solami.server.app import main

sys.exit(main())
