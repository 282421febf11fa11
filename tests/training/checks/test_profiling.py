import json

from kedja.training.checks.profiling import profile_training


def test_time_and_memory_are_accounted_for(workplace, debug):
    trace = workplace / "reports" / "trace.json"
    result = profile_training(debug("ema=0.9", "optim=adamw"), 2, trace)
    assert "convolution" in result.table
    assert json.loads(trace.read_text())["traceEvents"]
    parameters = result.memory["parameters"]
    assert result.memory["gradients"] == parameters
    assert result.memory["moving average"] == parameters
    assert 2 * parameters <= result.memory["optimizer"] < 2.2 * parameters
    recomputed = profile_training(debug("ema=0.9", "optim=adamw", "model.recompute=true"), 1, trace)
    assert recomputed.memory["activations of a batch"] < result.memory["activations of a batch"]
