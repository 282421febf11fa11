"""Decoding says nothing, whatever Pillow thinks of a file."""

import io
import subprocess
import sys
import warnings

from PIL import ExifTags, Image

from support.pictures import encode

# Prints the pixel values that came out, and whether the process warns as it did before.
DECODE_ON_THREADS = """
import sys, warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from kedja.bundle.inputs.image.spec import ImageSpec
from kedja.bundle.inputs.image.preprocess import preprocess
data, spec, filters = Path(sys.argv[1]).read_bytes(), ImageSpec(64, 64, 3), list(warnings.filters)
sys.setswitchinterval(1e-6)
with ThreadPoolExecutor(8) as pool:
    print(set(pool.map(lambda _: int(preprocess(data, spec).mean()), range(400))), warnings.filters == filters)
"""


def test_odd_metadata_is_no_news_on_many_threads(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "nobody in particular"
    image = encode(Image.new("RGB", (64, 64), (90, 90, 90)), "JPEG", exif=exif.tobytes()[:-9])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        Image.open(io.BytesIO(image)).getexif()
    assert said, "Pillow no longer warns of it: take something else"
    (tmp_path / "odd.jpeg").write_bytes(image)
    command = [sys.executable, "-W", "error", "-c", DECODE_ON_THREADS, tmp_path / "odd.jpeg"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("{90} True\n", "")
