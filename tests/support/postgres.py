"""A PostgreSQL server of the tests' own: Debian's package, a fresh cluster, a port of its own, gone afterwards."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.processes import wait_for
from support.servers import reserved_port

NAME = "kedja"


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`, newest version first; None where PostgreSQL is not installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    return folders[0] if folders else Path(found).parent if found else None


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Start it in `folder`; the value is the address of its database, SQLAlchemy's kind."""
    with reserved_port() as port:
        yield from _serve(folder, port)


def _serve(folder: Path, port: int) -> Iterator[str]:
    binaries = programs()
    assert binaries is not None
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        for parent in [folder, *folder.parents][:4]:
            parent.chmod(parent.stat().st_mode | 0o011)
        os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    options = {"user": user, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    cluster = folder / "cluster"
    initialise = [binaries / "initdb", "-D", cluster, "-U", NAME, "--auth=trust", "--no-sync", "-E", "UTF8"]
    subprocess.run(initialise, check=True, **options)
    settings = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
    process = subprocess.Popen([binaries / "postgres", "-D", cluster, "-p", str(port), *settings], **options)
    ready = [binaries / "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
    try:
        assert wait_for(lambda: subprocess.run(ready, check=False, stdout=subprocess.DEVNULL).returncode == 0)
        yield f"postgresql+psycopg://{NAME}@127.0.0.1:{port}/postgres"
    finally:
        process.terminate()
        process.wait(60)
