import numpy as np
from PIL import Image, ImageEnhance

from kedja.bundle.inputs.image.preprocess import preprocess
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.data.kinds.image.near import near_pairs
from kedja.data.kinds.image.perceptual import brightness, perceptual_hashes
from support.pictures import encode, picture

SPEC = ImageSpec(64, 64, 3)


def pairs_of(images):
    batch = np.stack([preprocess(data, SPEC) for data in images])
    same = np.unique(batch.reshape(len(batch), -1), axis=0, return_inverse=True)[1].reshape(-1)
    found = near_pairs(perceptual_hashes(brightness(batch)), same, lambda rows: brightness(batch[rows]))
    return {tuple(pair) for pair in found.tolist()}


def test_recompressed_resized_and_brightened_copies_are_found_and_nothing_else():
    originals = [picture(seed, (96, 96)) for seed in range(60)]
    copies = [
        encode(originals[3], "JPEG", quality=60),
        encode(originals[10].resize((80, 80), Image.Resampling.LANCZOS)),
        encode(ImageEnhance.Brightness(originals[20]).enhance(0.8)),
        encode(originals[30].convert("L")),
    ]
    found = pairs_of([encode(image) for image in originals] + copies)
    assert found == {(3, 60), (10, 61), (20, 62), (30, 63)}


def test_identical_pixels_are_no_look_alikes():
    image = encode(picture(1, (96, 96)))
    assert pairs_of([image, image, encode(picture(2, (96, 96)))]) == set()


def test_blank_images_resemble_nothing():
    blank = [encode(Image.new("RGB", (32, 32), (shade, shade, shade))) for shade in range(0, 250, 5)]
    assert pairs_of(blank) == set()
