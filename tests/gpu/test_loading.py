"""Encoded images on their way to the device: decoded by workers into pinned memory, or on the device itself."""

import json

import numpy as np
import pytest
import torch

from kedja.bundle.inputs.image.preprocess import preprocess
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.common.errors import KedjaError
from kedja.data.prepared import load
from kedja.training.batches import loader as loading
from kedja.training.batches.dataset import ImageDataset
from kedja.training.batches.device_decoder import check_decodable, decode, fit
from kedja.training.batches.loader import BatchLoader, evaluation_loader
from support.pictures import encode, picture

pytestmark = pytest.mark.gpu
SPEC = ImageSpec(24, 24, 3, "crop")


@pytest.fixture
def photos(workplace):
    """JPEGs of two colours, some turned, a PNG among them, kept as files."""
    from kedja.data.preparation.prepare import prepare
    from kedja.data.settings import Settings
    from kedja.data.sources.registry import open_source

    for label, (name, tint) in enumerate({"red": (255, 60, 60), "blue": (60, 60, 255)}.items()):
        folder = workplace / "photos" / name
        folder.mkdir(parents=True)
        for number in range(40):
            image = picture(100 * label + number, (40 + number % 3, 32))
            image = image.point([value * top // 255 for top in tint for value in range(256)])
            form = "PNG" if number == 7 else "JPEG"
            (folder / f"{number}.{form.lower()}").write_bytes(encode(image, form))
    settings = Settings(source=str(workplace / "photos"), size="24", storage="files", fractions=(0.5, 0.5, 0.0))
    # Not into the folder of data sets that tests share.
    folder = workplace / "made" / "photos"
    prepare(open_source(settings, workplace / ".source"), folder, settings)
    (workplace / "data").unlink()
    (workplace / "data").mkdir()
    folder.rename(workplace / "data" / "photos")
    return load(workplace / "data" / "photos")


def test_workers_lay_batches_into_pinned_memory(device, photos):
    dataset = ImageDataset(photos, "val", device)
    here = list(evaluation_loader(ImageDataset(photos, "val")))
    batches = list(BatchLoader(dataset, torch.arange(len(dataset)).split(16), workers=2))
    assert [len(batch.labels) for batch in batches] == [16, 16, 8]
    assert all(value.is_pinned() == (device == "cuda") for batch in batches for value in batch)
    moved = [batch.images.to(device, non_blocking=True).cpu() for batch in batches]
    assert torch.equal(torch.cat(moved), torch.cat([batch.images for batch in here]))


def test_pixels_that_do_not_fit_a_gpu_are_read_by_workers(device, workplace, monkeypatch):
    monkeypatch.setattr("kedja.training.batches.dataset._most_resident", lambda device: 0)
    dataset = ImageDataset(load(workplace / "data" / "digits"), "val", device)
    assert loading.workers_for(dataset, -1) == (loading.available() if device == "cuda" else 0)
    batches = list(evaluation_loader(dataset))
    assert torch.equal(torch.cat([batch.positions for batch in batches]), torch.arange(len(dataset)))


def test_what_fits_lies_on_the_device_and_is_not_fetched(device, workplace):
    dataset = ImageDataset(load(workplace / "data" / "digits"), "train", device)
    [batch] = list(BatchLoader(dataset, [torch.tensor([3, 1])]))
    assert {value.device.type for value in batch} == {device}
    assert batch.positions.tolist() == [3, 1]


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_device_decodes_nearly_as_pillow_does(device, resize, channels):
    spec = ImageSpec(24, 20, channels, resize, crop_fraction=0.875 if resize == "crop" else 1.0)
    exif = picture(3, (40, 30)).getexif()
    exif[0x0112] = 6
    files = [encode(picture(number, (40 + number % 2, 30)), "JPEG", quality=95) for number in range(6)]
    files += [encode(picture(7, (33, 30)), "PNG"), encode(picture(8, (40, 30)), "JPEG", exif=exif)]
    pixels = decode(files, spec, torch.device(device))
    assert pixels.device.type == device
    assert pixels.shape == (8, *spec.shape)
    expected = np.stack([preprocess(data, spec) for data in files])
    difference = np.abs(pixels.cpu().numpy().astype(int) - expected)
    assert difference[:6].mean() < 3
    assert difference[6:].max() == 0


def test_a_damaged_file_is_pillows_to_name(device):
    from kedja.bundle.inputs.image.preprocess import ImageError

    whole = encode(picture(1, (40, 30)), "JPEG")
    with pytest.raises(ImageError):
        decode([whole, whole[: len(whole) // 3]], SPEC, torch.device(device))


def test_a_filter_that_devices_lack_is_refused():
    with pytest.raises(KedjaError, match="does not resize by lanczos"):
        check_decodable(ImageSpec(8, 8, 3, interpolation="lanczos"), "photos", encoded=True)
    with pytest.raises(KedjaError, match="the data set photos keeps pixels"):
        check_decodable(SPEC, "photos", encoded=False)


def test_fitting_keeps_what_has_the_size_already():
    images = torch.randint(256, (2, 3, 24, 24), dtype=torch.uint8)
    assert torch.equal(fit(images, ImageSpec(24, 24, 3)), images)


@pytest.mark.parametrize("decoder", ["pillow", "device"])
def test_a_run_on_photographs(device, photos, run, decoder):
    overrides = ["data=photos", "augment=photos", f"data.decoder={decoder}", "data.workers=1", "batch_size=10"]
    directory = run(*overrides, "model.width=0.25", "epochs=3", "optim=adamw", "optim.lr=0.003")
    assert json.loads((directory / "summary.json").read_text())["validation"]["accuracy"] > 0.7
