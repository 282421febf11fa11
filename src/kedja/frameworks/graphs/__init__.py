"""Look into a written ONNX graph and add to it: nothing here knows what learnt, or of which kind the examples are."""
