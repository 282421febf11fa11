"""A run becomes a bundle: ONNX, TorchScript, golden examples, parity."""
