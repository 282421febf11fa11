"""scikit-learn pipelines that networks have to beat: fitted, stored as runs, written as ONNX."""
