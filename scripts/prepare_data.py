"""Prepare, verify and version a data set."""

from kedja.data.__main__ import run

if __name__ == "__main__":
    run()
