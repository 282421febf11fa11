"""The same file with PyTorch, from the bundle's TorchScript."""

import base64

import torch
from fastapi import FastAPI, File
from model import BUNDLE, as_pixels, decode, describe
from pydantic import BaseModel

from kedja.bundle.metadata import TORCHSCRIPT

app = FastAPI()
network = torch.jit.load(BUNDLE / TORCHSCRIPT).eval()  # noqa: TID251 -- of our own making


class Encoded(BaseModel):
    image: str


class Pixels(BaseModel):
    pixels: list[int]


def predict(image):
    with torch.inference_mode():
        answer = network(torch.from_numpy(image)[None])
        logits = answer[0] if isinstance(answer, tuple) else answer
        return describe(logits.softmax(1)[0].numpy())


@app.post("/upload")
def upload(file: bytes = File()):
    return predict(decode(file))


@app.post("/base64")
def encoded(body: Encoded):
    return predict(decode(base64.b64decode(body.image)))


@app.post("/pixels")
def pixels(body: Pixels):
    return predict(as_pixels(body.pixels))
