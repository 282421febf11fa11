"""Audit a data set: unreadable files, copies, leaks between splits, label errors."""

from kedja.data.audit.__main__ import run

if __name__ == "__main__":
    run()
