"""Run every experiment over its seeds, and the baselines; skip what is finished."""

from kedja.experiments.__main__ import run

if __name__ == "__main__":
    run()
