"""What not every kind of example can do: an Input that can inherits it, and who needs it asks for it."""

from abc import abstractmethod
from typing import Any, ClassVar

from kedja.bundle.inputs.input import Example, Examples, Input, Limits


class Portable(Input):
    """An Input whose examples go from one process to another, so that the service may decode where it can kill: for
    kinds of which a hostile example can be expensive. The class can be imported there by its name.
    """

    @abstractmethod
    def pack(self, example: Example) -> Any:
        """What `decode` gave as something that msgpack can write; nothing of it is unpickled."""

    @abstractmethod
    def unpack(self, packed: Any) -> Example:
        """The inverse of `pack`; raises `ValueError` where it is none, for who wrote it is not trusted."""


class TakesArrays(Input):
    """An Input that takes arrays too, as the graph does: in JSON, and as the array of a `.npy` file.

    Attributes:
        arrays_key: under which they stand in JSON bodies.
    """

    arrays_key: ClassVar[str]

    @abstractmethod
    def from_arrays(self, value: Any, limits: Limits) -> Examples:
        """One example or several, from what stands under `arrays_key`, or from the array of a `.npy` file."""

    @abstractmethod
    def arrays_schema(self) -> dict[str, Any]:
        """The JSON schema of what stands under `arrays_key`."""

    @abstractmethod
    def arrays_example(self, data: bytes) -> Any:
        """A short value for `arrays_key`; None where none is short."""

    @property
    def json_keys(self) -> tuple[str, ...]:
        return (*super().json_keys, self.arrays_key)

    def read_json(self, key: str, value: Any, limits: Limits) -> Examples:
        return self.from_arrays(value, limits) if key == self.arrays_key else super().read_json(key, value, limits)
