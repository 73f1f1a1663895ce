"""The bytes of tensors, counted while operations make them: of real ones, or of fake ones without content."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MOST_TENSORS = 2000
"""Beyond so many (five hundred layers) a step is spent on dispatch alone, and building the model takes longer than the
second in which a mistaken setting should be told."""


class TooLargeError(Exception):
    """A tally reached its limit; turned into words by who set it."""


class Tally(TorchDispatchMode):
    """Counts the bytes of tensors that operations make inside it, from birth to death.

    Args:
        known: tensors that were there before; they do not count.
        limit: bytes past which it gives up; None counts on.
    """

    def __init__(self, known: Sequence[Tensor] = (), limit: int | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0
        self._limit = limit
        self._sizes: dict[int, int] = {}
        self._references: dict[int, weakref.ref[Any]] = {}
        for tensor in known:
            self._note(tensor, 0)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:  # the signature is PyTorch's
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._note(tensor, tensor.untyped_storage().nbytes())
        return result

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """PyTorch's switch for its compiler, which it would import at the first operation to be kept out of it."""
        return False

    def _note(self, tensor: Tensor, size: int) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._sizes:  # a view, or changed in place
            return
        self._sizes[key] = size
        self._references[key] = weakref.ref(storage, lambda _: self._forget(key))
        self.live += size
        self.peak = max(self.peak, self.live)
        if self._limit is not None and (self.live > self._limit or len(self._sizes) > MOST_TENSORS):
            raise TooLargeError

    def _forget(self, key: int) -> None:
        self.live -= self._sizes.pop(key)
        del self._references[key]
