"""The only place where torch trains: dataset, loaders, augmentation, models, loop, checkpoint, run."""
