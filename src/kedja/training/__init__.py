"""The only place where torch trains: dataset, loaders, augmentation, models, loop, checkpoint, run."""

# Of the examples that its models take, see `kedja.bundle.inputs.registry`.
KINDS = ("image",)
