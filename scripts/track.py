"""Send finished runs to MLflow or Weights & Biases."""

from kedja.experiments.trackers.__main__ import run

if __name__ == "__main__":
    run()
