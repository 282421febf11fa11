"""Keras' example "Simple MNIST convnet" (keras.io, code examples, by F. Chollet) on CIFAR-10, on the torch backend.

Its network (32 and 64 filters of 3×3, dropout 0.5), Adam, batches of 128, 15 epochs: only the shape of the input is
changed.
"""

import keras
import numpy as np
from journal import Journal, read_images
from keras import layers

EPOCHS = 15
BATCH = 128


class Reporter(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.journal = Journal()

    def on_epoch_end(self, epoch, logs=None):
        self.journal.epoch(logs["val_accuracy"])


def main():
    data = {split: (x.astype("float32") / 255, np.eye(10)[y]) for split, (x, y) in read_images().items()}
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            *(layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2)),
            *(layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(2)),
            *(layers.Flatten(), layers.Dropout(0.5), layers.Dense(10, activation="softmax")),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    model.fit(
        *data["train"],
        batch_size=BATCH,
        epochs=EPOCHS,
        validation_data=data["val"],
        callbacks=[Reporter()],
        verbose=0,
    )


if __name__ == "__main__":
    main()
