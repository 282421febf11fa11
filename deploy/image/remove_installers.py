"""Take pip and its helpers out of the base image's Python, and then this program itself."""

import shutil
import sys
import sysconfig
from pathlib import Path

INSTALLERS = ("pip", "setuptools", "wheel", "ensurepip", "pkg_resources", "_distutils_hack")

if __name__ == "__main__":
    folders = {*map(Path, sys.path), Path(sysconfig.get_path("stdlib"))}
    for folder in sorted(f for f in folders if f.is_dir()):
        for name in INSTALLERS:
            for path in [folder / name, *folder.glob(f"{name}-*.*-info")]:
                shutil.rmtree(path, ignore_errors=True)
    for folder in (Path("/usr/local/bin"), Path("/usr/bin")):
        for name in ("pip*", "wheel*"):
            for path in folder.glob(name):
                path.unlink()
    Path(__file__).unlink()
