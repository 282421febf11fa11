"""Compare the finished runs: table, pictures and analysis in reports/ and in the README."""

from kedja.experiments.report.__main__ import run

if __name__ == "__main__":
    run()
