"""The file that people write by hand: FastAPI, ONNX Runtime, one route for each way to send."""

import base64

from fastapi import FastAPI, File
from model import as_pixels, decode, describe, open_session
from pydantic import BaseModel

app = FastAPI()
session = open_session()


class Encoded(BaseModel):
    image: str


class Pixels(BaseModel):
    pixels: list[int]


def predict(image):
    return describe(session.run(["probabilities"], {"image": image[None]})[0][0])


@app.post("/upload")
def upload(file: bytes = File()):
    return predict(decode(file))


@app.post("/base64")
def encoded(body: Encoded):
    return predict(decode(base64.b64decode(body.image)))


@app.post("/pixels")
def pixels(body: Pixels):
    return predict(as_pixels(body.pixels))
