"""Turn a finished run into a verified bundle."""

from kedja.export.__main__ import run

if __name__ == "__main__":
    run()
