"""Ray Serve with its batching on and one replica for each CPU."""

import base64
import os
import sys
import time

import numpy as np
import ray
from model import as_pixels, decode, describe, open_session
from ray import serve


@serve.deployment(num_replicas=len(os.sched_getaffinity(0)), max_ongoing_requests=64)
class Classifier:
    def __init__(self):
        self.session = open_session()

    @serve.batch(max_batch_size=8, batch_wait_timeout_s=0.005)
    async def predict(self, images):
        return [describe(row) for row in self.session.run(["probabilities"], {"image": np.stack(images)})[0]]

    async def __call__(self, request):
        if request.headers["content-type"].startswith("multipart/"):
            form = await request.form()
            image = decode(await form["file"].read())
        else:
            body = await request.json()
            image = as_pixels(body["pixels"]) if "pixels" in body else decode(base64.b64decode(body["image"]))
        return await self.predict(image)


if __name__ == "__main__":
    ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Classifier.bind())  # type: ignore[attr-defined]
    while True:
        time.sleep(1)
