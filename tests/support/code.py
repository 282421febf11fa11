"""A command of `kedja.common.supervised` that runs its first argument as code: `support.code "print(1)" arguments`."""

import sys


def run() -> None:
    code = sys.argv.pop(1)
    exec(compile(code, "code", "exec"), {"__name__": "__main__"})
