"""A BentoML service with one worker for each CPU."""

import base64
from pathlib import Path

import bentoml
from model import as_pixels, decode, describe, open_session


@bentoml.service(workers="cpu_count", logging={"access": {"enabled": False}})
class Classifier:
    def __init__(self) -> None:
        self.session = open_session()

    def _predict(self, image) -> dict:
        return describe(self.session.run(["probabilities"], {"image": image[None]})[0][0])

    @bentoml.api
    def upload(self, file: Path) -> dict:
        return self._predict(decode(file.read_bytes()))

    @bentoml.api
    def base64(self, image: str) -> dict:
        return self._predict(decode(base64.b64decode(image)))

    @bentoml.api
    def pixels(self, pixels: list[int]) -> dict:
        return self._predict(as_pixels(pixels))
