import pytest

from kedja.data.kinds.image.choose import choose_spec
from kedja.data.settings import Settings
from kedja.data.sources.registry import open_source
from support.pictures import encode, picture


def chosen(folder, sizes, **settings):
    for number, size in enumerate(sizes):
        path = folder / "photos" / str(number % 2) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(picture(number, size)))
    options = Settings(source=str(folder / "photos"), **settings)
    source = open_source(options, folder / ".source")
    return choose_spec(source, options, [source.tree.file(item.id) for item in source.items()])


@pytest.mark.parametrize(
    ("sizes", "resize", "side"),
    [
        ([(400, 300), (300, 400)], "crop", 224),
        ([(340, 320), (320, 420)], "crop", 320),
        ([(300, 300), (100, 100)], "stretch", 160),
        ([(90, 300), (300, 100)], "pad", 64),
    ],
)
def test_shape_and_size_follow_the_images_and_the_reason_is_said(tmp_path, capfd, sizes, resize, side):
    spec = chosen(tmp_path, sizes)
    assert (spec.resize, spec.height, spec.width) == (resize, side, side)
    assert (f"resize={resize}: " in "".join(capfd.readouterr())) == (resize != "stretch")


def test_what_was_asked_for_is_done(tmp_path, capfd):
    assert chosen(tmp_path, [(400, 300), (300, 400)], resize="pad").resize == "pad"
    assert "resize=" not in "".join(capfd.readouterr())
