"""Make an installed environment small and quick to start, the same bytes every time.

    python3 slim.py /opt/kedja                          remove what serving never opens, then compile
    python3 slim.py --compile-only /opt/kedja/source    compile

Bytecode is stored with the hash of its source instead of the source's time, and never checked again: the file
system is read-only, and a time would make every build another image.
"""

import compileall
import py_compile
import shutil
import sys
from pathlib import Path

# Inside site-packages. What is left out is tested: the image starts and answers its golden examples.
UNUSED = [
    "onnxruntime/backend",
    "onnxruntime/capi/libonnxruntime.so*",  # for C programs; Python's extension module holds its own
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "numpy/distutils",
    "numpy/f2py",
    "numpy/**/tests",
    "numpy/_core/include",
    "numpy/_core/lib",
    "numpy/random/lib",
    "**/*.pyi",
    "**/*.pyx",
    "**/*.pxd",
    "**/*.c",
    "**/*.h",
    "**/*.a",
]


def remove_unused(site_packages: Path) -> None:
    """Files and folders that only building, testing or typing needs."""
    for pattern in UNUSED:
        for path in sorted(site_packages.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def remove_programs(environment: Path) -> None:
    """Console scripts and activation: the image runs one module."""
    for path in sorted((environment / "bin").iterdir()):
        if not path.name.startswith("python"):
            path.unlink()


def compile_all(folder: Path) -> None:
    """Bytecode beside every source, in a fixed order, in one process."""
    for cache in sorted(folder.rglob("__pycache__")):
        shutil.rmtree(cache)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(folder, quiet=1, workers=1, invalidation_mode=mode):
        sys.exit(f"{folder}: not everything could be compiled")


if __name__ == "__main__":
    target = Path(sys.argv[-1])
    if "--compile-only" not in sys.argv:
        for packages in target.glob("lib/python3*/site-packages"):
            remove_unused(packages)
        remove_programs(target)
    compile_all(target)
