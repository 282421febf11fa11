"""Who computes a bundle's model: ONNX Runtime's execution providers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedja.common.errors import KedjaError

CPU, CUDA, TENSORRT = "cpu", "cuda", "tensorrt"
# ONNX Runtime's own words for its loglevels; warnings of the optimiser are no news to an operator.
_ERRORS_ONLY = 3
# Engine → ONNX Runtime's name and settings. Products stay fp32: with tf32's ten bits a bundle would answer otherwise
# than its golden examples say.
_PROVIDERS: dict[str, tuple[str, Mapping[str, Any]]] = {
    CPU: ("CPUExecutionProvider", {}),
    CUDA: ("CUDAExecutionProvider", {"use_tf32": 0}),
    TENSORRT: (
        "TensorrtExecutionProvider",
        {"trt_engine_cache_enable": True, "trt_engine_cache_path": ".cache/tensorrt"},
    ),
}
# What an engine leaves to another takes its operators, in this order.
_BEHIND: dict[str, tuple[str, ...]] = {CPU: (), CUDA: (CPU,), TENSORRT: (CUDA, CPU)}
ENGINES = tuple(_PROVIDERS)


def open_session(path: Path, threads: int, engine: str = CPU) -> Any:
    """ONNX Runtime's session of a model.

    Raises:
        KedjaError: the file is no model, or the engine is not there.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # Memory patterns are remembered for each batch size ever seen; batch sizes vary here.
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    wanted = [_PROVIDERS[name] for name in (engine, *_BEHIND[engine])]
    _check_built(engine, wanted[0][0])
    try:
        session = onnxruntime.InferenceSession(
            path, options, providers=[(name, dict(settings)) for name, settings in wanted]
        )
    except Exception as error:  # noqa: BLE001 -- onnxruntime's exceptions share no base class
        reason = str(error).strip().splitlines()[0]
        raise KedjaError(f"{path} cannot be opened: {reason}", "export again with `just export`") from None
    # Where its libraries are missing ONNX Runtime goes on without the engine and says so in its log alone.
    if wanted[0][0] not in session.get_providers():
        raise KedjaError(
            f"engine={engine} does not start here, ONNX Runtime falls back to {', '.join(session.get_providers())}",
            "look for its libraries (CUDA, cuDNN, TensorRT) and the driver (nvidia-smi), or take engine=cpu",
        )
    return session


def _check_built(engine: str, provider: str) -> None:
    import onnxruntime

    there = onnxruntime.get_available_providers()
    if provider not in there:
        raise KedjaError(
            f"engine={engine}: this build of ONNX Runtime, {onnxruntime.__version__}, has {', '.join(there)}",
            "install onnxruntime-gpu in place of onnxruntime, or take engine=cpu",
        )
