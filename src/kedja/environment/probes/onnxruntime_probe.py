"""Run a model of one addition through ONNX Runtime. Prints JSON."""

import base64
import json
import sys

# An ONNX model (opset 17): y = x + x for x of two float32.
DOUBLING = "CAgSADo1Cg4KAXgKAXgSAXkiA0FkZBIBZ1oPCgF4EgoKCAgBEgQKAggCYg8KAXkSCgoICAESBAoCCAJCBAoAEBE="


def main() -> None:
    """Version, providers, and whether 2 × (1.5, −3) came out right."""
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(base64.b64decode(DOUBLING), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": np.array([1.5, -3], dtype=np.float32)})
    report = {
        "version": onnxruntime.__version__,
        "providers": onnxruntime.get_available_providers(),
        "right": y.tolist() == [3.0, -6.0],
    }
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
