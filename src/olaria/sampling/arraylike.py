"""What serves as a tensor and is more than one; loads no PyTorch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


class ArrayLike(ABC):
    """What serves as the tensor that it holds: ``len``, indices, iteration, ``np.asarray``."""

    @property
    @abstractmethod
    def tensor(self) -> Tensor:
        """The tensor."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return tuple(self.tensor.shape)

    @property
    def dtype(self) -> Any:
        """Of the tensor."""
        return self.tensor.dtype

    def __len__(self) -> int:
        return len(self.tensor)

    def __getitem__(self, index: Any) -> Tensor:
        return self.tensor[index]

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.tensor)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        values = self.tensor.numpy()
        if dtype is not None and values.dtype != dtype:
            return values.astype(dtype)
        return values.copy() if copy else values
