"""Images: encoded files, or raw pixels, of a fixed size."""
