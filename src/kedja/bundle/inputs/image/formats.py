"""The names of the formats of images; says nothing of Pillow, so that settings can be read without it."""

# Name → Pillow's plugin. Two variants have names of their own: their decoders are written in Python.
NAMES = {
    **{name: name for name in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "TGA", "ICO", "AVIF", "JPEG2000")},
    "BMP-RLE": "BMP",
    "PPM-PLAIN": "PPM",
}
