"""`python -m evals.scale PART ...`: the same as `plumbline eval scale PART ...`, which brings the store."""

from __future__ import annotations

import subprocess
import sys

if __name__ == "__main__":
    arguments = [sys.executable, "-m", "app.cli", "eval", "scale", *sys.argv[1:]]
    sys.exit(subprocess.run(arguments, check=False).returncode)  # noqa: S603  (our own command)
