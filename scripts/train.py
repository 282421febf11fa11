"""Train one model: `just train experiment=resnet9 seed=1 optim.lr=0.05`."""

from kedja.experiments.launch.train import run

if __name__ == "__main__":
    run()
