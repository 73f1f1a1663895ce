r"""One text, one token at a time: the fast GPT in NumPy.

A token costs some twenty small operations a layer, so that what a tensor library spends on dispatching each is most
of the time; NumPy spends a third of it, and here every operation writes into a buffer that was made beforehand. The
arithmetic is that of :meth:`olaria.models.gpt.GPT.continue_from`, to rounding.

A model whose matrices outgrow the processor's caches is bound by memory: every token reads all of them. There they
are held in float16, where the processor is quick at it, and half as much is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from olaria.models.gpt import GPT, LOGIT_CAP, Block
from olaria.sampling.window import window_of

Floats = NDArray[np.float32]
Product = Callable[[Floats, Floats], Floats]
"""A vector and where its product with a matrix goes, to that product."""
HALF_FROM_BYTES = 16 << 20
"""Size in float32 of the matrices of all blocks from which they are held in float16."""
_EPSILON = float(np.finfo(np.float32).eps)


@final
class NumpyReader:
    """Reads one text with a :class:`~olaria.models.gpt.GPT` on the CPU; see :class:`~olaria.sampling.readers.Reader`.

    Args:
        model: in evaluation mode; its weights are shared where no reordering is needed.
    """

    def __init__(self, model: GPT) -> None:
        config = model.config
        self._model = model
        self._window: Tensor | None = None
        self._length = 0
        size_bytes = sum(weight.numel() * 4 for weight in model.blocks.parameters())
        is_half = size_bytes >= HALF_FROM_BYTES and has_quick_float16()
        self.precision = "float16" if is_half else "float32"
        product = _HalfProduct if is_half else _whole_product
        self._layers = [_Layer.of(block, config.context, product) for block in model.blocks]  # type: ignore[arg-type]
        # A rotation by an angle is a product with a complex number.
        angles = model.cos.numpy() + 1j * model.sin.numpy()
        self._turns: NDArray[np.complex64] = angles.astype(np.complex64)
        self._embedding = _array(model.embedding.weight)
        self._head = _array(model.head.weight)
        self._stream, self._normed, self._branch = np.empty((3, config.width), np.float32)

    def read(self, tokens: Tensor) -> Tensor:
        """Logits (1, V) after ``tokens`` (1, T)."""
        self._window, is_anew = window_of(self._window, tokens, self._model.context)
        if is_anew or tokens.shape[1] > 1:
            return self._begin(self._window)
        return torch.from_numpy(self._next(int(tokens)))[None]

    def _begin(self, window: Tensor) -> Tensor:
        """Read a window whole, by the model itself, and keep what the tokens after it look back at."""
        self._length = window.shape[1]
        logits, cache = self._model.continue_from(window, [])
        for layer, (keys, values) in zip(self._layers, cache, strict=True):
            layer.keys[:, : self._length] = keys[0].numpy()[:, :, _interleaved(keys.shape[-1])]
            layer.values[:, : self._length] = values[0].numpy()
        return logits[:, -1].float()

    def _next(self, token: int) -> Floats:
        """Logits (V,) after one more token."""
        position, self._length = self._length, self._length + 1
        stream, normed, branch = self._stream, self._normed, self._branch
        _norm(self._embedding[token], stream)
        turn = self._turns[position]
        chunk = self._model.config.chunk
        near = slice(max(0, position // chunk - 1) * chunk, position + 1)
        for layer in self._layers:
            _norm(stream, normed)
            stream += layer.attend(normed, turn, near, branch)
            _norm(stream, normed)
            stream += layer.feed_forward(normed, branch)
        _norm(stream, normed)
        logits: Floats = self._head @ normed
        logits /= LOGIT_CAP
        np.tanh(logits, out=logits)
        logits *= LOGIT_CAP
        return logits


@dataclass(frozen=True)
class _Layer:
    """A block's products, its cache, and the buffers of one token. H heads of D features, C = H · D.

    ``qkv`` is the buffer of queries, keys and values; the next five are views of it.
    """

    make_qkv: Product
    mix_heads: Product
    feed_in: Product
    feed_out: Product
    lengths: Floats  # (2H,), those that queries and keys are given
    keys: Floats  # (H, context, D)
    values: Floats
    qkv: Floats
    qk: Floats  # (2H, D)
    qk_pairs: NDArray[np.complex64]  # (2H, D/2)
    query: Floats  # (H, D, 1)
    key: Floats  # (H, D)
    value: Floats
    heads: Floats  # (H, 1, D)
    hidden: Floats

    @staticmethod
    def of(block: Block, context: int, product: Callable[..., Product]) -> _Layer:
        """Features of queries and keys are put in the order of :func:`_interleaved`; products do not mind."""
        w_qkv = _array(block.qkv.weight)
        num_heads, width = block.num_heads, w_qkv.shape[1]
        size = width // num_heads
        order = np.arange(2 * num_heads)[:, None] * size + _interleaved(size)
        rows = np.concatenate((order.reshape(-1), np.arange(2 * width, 3 * width)))
        qkv = np.empty(3 * width, np.float32)
        qk = qkv[: 2 * width].reshape(2 * num_heads, size)
        return _Layer(
            make_qkv=product(w_qkv[rows]),
            mix_heads=product(_array(block.attention_out.weight)),
            feed_in=product(_array(block.feed_in.weight)),
            feed_out=product(_array(block.feed_out.weight), is_wide=True),
            # Both are normalised to √D; the factor 1/√D of the scores is taken into the queries.
            lengths=np.repeat(np.array((1.0, size**0.5), np.float32), num_heads),
            keys=np.zeros((num_heads, context, size), np.float32),
            values=np.zeros((num_heads, context, size), np.float32),
            qkv=qkv,
            qk=qk,
            qk_pairs=qk.view(np.complex64),
            query=qk[:num_heads, :, None],
            key=qk[num_heads:],
            value=qkv[2 * width :].reshape(num_heads, size),
            heads=np.empty((num_heads, 1, size), np.float32),
            hidden=np.empty(block.feed_in.out_features, np.float32),
        )

    def attend(
        self, normed: Floats, turn: NDArray[np.complex64], near: slice, out: Floats
    ) -> Floats:
        """The self-attention branch over the positions ``near``; key and value of the last join the cache."""
        self.make_qkv(normed, self.qkv)
        factors = np.einsum("ij,ij->i", self.qk, self.qk)
        factors += _EPSILON * self.qk.shape[1]
        np.sqrt(factors, out=factors)
        np.divide(self.lengths, factors, out=factors)
        np.multiply(self.qk, factors[:, None], out=self.qk)
        np.multiply(self.qk_pairs, turn, out=self.qk_pairs)
        self.keys[:, near.stop - 1] = self.key
        self.values[:, near.stop - 1] = self.value
        weights = np.matmul(self.keys[:, near], self.query)  # (H, S, 1)
        np.exp(weights, out=weights)  # of at most √D, since queries and keys are normalised
        np.matmul(weights.transpose(0, 2, 1), self.values[:, near], out=self.heads)
        np.divide(self.heads, np.add.reduce(weights, 1, keepdims=True), out=self.heads)
        return self.mix_heads(self.heads.reshape(-1), out)

    def feed_forward(self, normed: Floats, out: Floats) -> Floats:
        """The feed-forward branch."""
        self.feed_in(normed, self.hidden)
        np.maximum(self.hidden, 0, out=self.hidden)
        np.multiply(self.hidden, self.hidden, out=self.hidden)
        return self.feed_out(self.hidden, out)


def has_quick_float16() -> bool:
    """Whether products in float16 are worth it here; a fact of the processor, so that texts repeat."""
    return str(torch.backends.cpu.get_cpu_capability()) == "AVX512"


def _whole_product(weight: Floats, is_wide: bool = False) -> Product:
    return partial(np.dot, weight)


class _HalfProduct:
    """Product with a matrix held in float16; PyTorch multiplies and converts, which NumPy does slowly.

    Args:
        weight: the matrix.
        is_wide: whether the vector may pass 65,504, where float16 ends, as the squares of a feed-forward layer may:
            it is divided by its largest number before, and the product multiplied by it after.
    """

    def __init__(self, weight: Floats, is_wide: bool = False) -> None:
        self._weight = torch.from_numpy(weight).half()
        self._out, self._in = (torch.empty(size, dtype=torch.float16) for size in weight.shape)
        self._is_wide = is_wide

    def __call__(self, x: Floats, out: Floats) -> Floats:
        peak = float(np.abs(x).max()) if self._is_wide else 1.0
        if peak > 1:
            np.divide(x, peak, out=x)
        self._in.copy_(torch.from_numpy(x))
        torch.mv(self._weight, self._in, out=self._out)
        torch.from_numpy(out).copy_(self._out)
        if peak > 1:
            np.multiply(out, peak, out=out)
        return out


def _interleaved(size: int) -> NDArray[np.int64]:
    """Order in which features j and j + D/2, which turn together, are neighbours: one complex number."""
    return np.arange(size).reshape(2, size // 2).T.reshape(-1)


def _norm(x: Floats, out: Floats) -> None:
    np.multiply(x, 1 / math.sqrt(float(np.dot(x, x)) / len(x) + _EPSILON), out=out)


def _array(weight: Tensor) -> Floats:
    array: Floats = weight.detach().float().contiguous().numpy()
    return array
