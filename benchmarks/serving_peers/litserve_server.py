"""LitServe with its batching on, as its documentation shows it, and one worker for each CPU."""

import base64
import os
import sys

import litserve
import numpy as np
from model import as_pixels, decode, describe, open_session


class Classifier(litserve.LitAPI):
    def setup(self, device):
        self.session = open_session()

    def decode_request(self, request):
        if "pixels" in request:
            return as_pixels(request["pixels"])
        if "image" in request:
            return decode(base64.b64decode(request["image"]))
        return decode(request["file"].file.read())

    def batch(self, inputs):
        return np.stack(inputs)

    def predict(self, images):
        return self.session.run(["probabilities"], {"image": images})[0]

    def unbatch(self, output):
        return list(output)

    def encode_response(self, output):
        return describe(output)


if __name__ == "__main__":
    api = Classifier(max_batch_size=8, batch_timeout=0.005)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=len(os.sched_getaffinity(0)))
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
