"""Unpack those wheels of a folder whose module this Python lacks: python gpu_wheels.py WHEELS TARGET."""

import importlib.util
import sys
import zipfile
from pathlib import Path

# Modules whose name is not that of their wheel.
MODULES = {"hydra_core": "hydra", "antlr4_python3_runtime": "antlr4", "pyyaml": "yaml", "nvidia_ml_py": "pynvml"}


def main(wheels: Path, target: Path) -> None:
    for wheel in sorted(wheels.glob("*.whl")):
        name = wheel.name.split("-")[0].lower()
        if importlib.util.find_spec(MODULES.get(name, name)) is None:
            print(f"unpacking {wheel.name}", flush=True)
            zipfile.ZipFile(wheel).extractall(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
