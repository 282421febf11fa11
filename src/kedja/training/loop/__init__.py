"""The training loop: epochs, steps, checkpoints, devices."""
