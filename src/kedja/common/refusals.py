"""What the system refuses (a full disk, a folder that is not ours), as a message with file, reason and remedy."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kedja.common.errors import KedjaError

_FULL = "make room, or choose another place, and run the same command again"
_RIGHTS = "change its owner or rights, or choose another place"
_REMEDIES = {
    errno.ENOENT: "it is not there (any more); check the path",
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: "the file is larger than may be written here (`ulimit -f`, or the file system's limit)",
    errno.EROFS: "it is mounted read-only; choose another place",
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.ENOTDIR: "a file is in the way where a folder is wanted; move it away, or choose another place",
    errno.EISDIR: "a folder is in the way where a file is wanted; move it away, or choose another place",
    errno.EEXIST: "something is in the way; move it away, or choose another place",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "links lead in a circle; remove one of them",
    errno.EMFILE: "too many files are open; raise the limit (`ulimit -n 4096`)",
    errno.ENFILE: "too many files are open on this machine; close programs",
    errno.ENOMEM: "close other programs, or take fewer processes (jobs=1)",
    errno.EIO: "the disk or the network share fails; copy what is dear, and choose another place",
    errno.ESTALE: "the network share was replaced; mount it again",
}
# Words of SQLite, which has no numbers that reach Python under all drivers.
_DATABASE = {
    "full": _FULL,
    "readonly": _RIGHTS,
    "unable to open": _RIGHTS,
    "not a database": "another program's file is in the way; move it away, or choose another name",
    "malformed": "the file is damaged; move it away and run the same command again",
    "locked": "another program holds it; end that, and run the same command again",
    "disk i/o": "the disk is full or fails; make room, or choose another place",
}


def refusal_of(error: BaseException) -> KedjaError | None:
    """The message for an error that is the system's answer and no fault of the program; None for any other.

    An error that a library raised in the place of such a one is looked through.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, KedjaError):
            return seen
        if isinstance(seen, OSError) and seen.errno is not None:
            return of_system(seen)
        if isinstance(seen, MemoryError):
            return KedjaError("the memory of this machine is used up", _REMEDIES[errno.ENOMEM])
        if type(seen).__module__ == "sqlite3" and (remedy := database_remedy(seen)):
            return KedjaError(f"a database of ours cannot be used: {seen}", remedy)
        # SQLAlchemy keeps the driver's own error there.
        seen = getattr(seen, "orig", None) or seen.__cause__
    return None


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors of reading and writing inside, which the system gives no name to, are those of `path`."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise
    except Exception as error:
        # By its name: not every Python has SQLite, and the first recipe runs on any.
        if type(error).__module__ != "sqlite3" or not (remedy := database_remedy(error)):
            raise
        raise KedjaError(f"{path}: {error}", remedy) from error


def of_system(error: OSError) -> KedjaError:
    """File, reason and remedy of an error of the system."""
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    reason = error.strerror or os.strerror(error.errno or 0)
    return KedjaError(f"{' → '.join(names)}: {reason}" if names else reason, _REMEDIES.get(error.errno or 0, ""))


def database_remedy(error: object) -> str:
    """What to do about words of SQLite; empty for words that are no refusal."""
    text = str(error).lower()
    return next((remedy for words, remedy in _DATABASE.items() if words in text), "")
