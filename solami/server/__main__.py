"""`python -m solami.server`: the model server."""

import os
import sys

# One thread a model: on a small machine more threads wait for each other (must be said before numpy is imported).
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from solami.server.app import main  # noqa: E402

sys.exit(main())
