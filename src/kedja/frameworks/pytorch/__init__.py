"""PyTorch: runs of `kedja.training`, written as ONNX and TorchScript."""
