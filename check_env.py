"""Check the environment: `uv run check_env.py`, the same as `just check-env`."""

import runpy
from pathlib import Path

if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).parent / "scripts" / "check_env.py"), run_name="__main__")
