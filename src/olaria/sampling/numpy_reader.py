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
Product = Callable[[], object]
"""Multiplies a matrix with the vector in one buffer into another buffer; both were named when it was made."""
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
        self._text: list[int] = []
        self._length = 0
        size_bytes = sum(weight.numel() * 4 for weight in model.blocks.parameters())
        is_half = size_bytes >= HALF_FROM_BYTES and has_quick_float16()
        self.precision = "float16" if is_half else "float32"
        product = _HalfProduct if is_half else _whole_product
        _, normed, branch = self._buffers = np.empty((3, config.width), np.float32)
        self._layers = [
            _Layer.of(block, config.context, product, normed, branch)  # type: ignore[arg-type]
            for block in model.blocks
        ]
        # What the last position depends on: a chunk for each layer, its own, and the rest of the first.
        self._depth = (config.num_layers + 2) * config.reach
        # A rotation by an angle is a product with a complex number.
        angles = model.cos.numpy() + 1j * model.sin.numpy()
        self._turns: NDArray[np.complex64] = angles.astype(np.complex64)
        self._embedding = _array(model.embedding.weight)
        self._head = _array(model.head.weight)

    def read(self, tokens: Tensor) -> Tensor:
        """Logits (1, V) after ``tokens`` (1, T)."""
        (new,) = tokens.tolist()
        is_one_more = len(new) == 1 and 0 < len(self._text) < self._model.context
        if is_one_more:
            self._text += new
            return torch.from_numpy(self._next(new[0])[None])
        read = torch.tensor([self._text]) if self._text else None
        window, _ = window_of(read, tokens, self._model.context)
        self._text = window[0].tolist()
        return self._begin(window)

    @torch.no_grad()
    def _begin(self, window: Tensor) -> Tensor:
        """Read a window, by the model itself, and keep what the tokens after it look back at.

        Positions are relative: where attention is local, whole chunks that are out of reach can be left out.
        """
        chunk = self._model.config.reach
        window = window[:, max(0, window.shape[1] - self._depth) // chunk * chunk :]
        self._length = window.shape[1]
        logits, cache = self._model.continue_from(window, [])
        for layer, (keys, values) in zip(self._layers, cache, strict=True):
            layer.keys[:, : self._length] = keys[0].numpy()[:, :, _interleaved(keys.shape[-1])]
            layer.values[:, : self._length, :-1] = values[0].numpy()
        return logits[:, -1].float()

    def _next(self, token: int) -> Floats:
        """Logits (V,) after one more token."""
        position, self._length = self._length, self._length + 1
        stream, normed, branch = self._buffers
        _norm(self._embedding[token], stream)
        turn = self._turns[position]
        chunk = self._model.config.reach
        near = slice(max(0, position // chunk - 1) * chunk, position + 1)
        for layer in self._layers:
            _norm(stream, normed)
            layer.attend(turn, near)
            np.add(stream, branch, out=stream)
            _norm(stream, normed)
            layer.feed_forward()
            np.add(stream, branch, out=stream)
        _norm(stream, normed)
        logits: Floats = self._head @ normed
        logits /= LOGIT_CAP
        np.tanh(logits, out=logits)
        logits *= LOGIT_CAP
        return logits


@dataclass(frozen=True)
class _Layer:
    """A block's products, its cache, and the buffers of one token. H heads of D features, C = H · D.

    Queries, keys and values share a buffer, of which ``qk`` and the four after it are views. Each value is followed
    by a 1, so that the sum of the weights comes with the weighted sum.
    """

    make_qkv: Product
    mix_heads: Product
    feed_in: Product
    feed_out: Product
    lengths: Floats  # (2H,), those that queries and keys are given
    keys: Floats  # (H, context, D)
    values: Floats  # (H, context, D + 1)
    qk: Floats  # (2H, D)
    qk_pairs: NDArray[np.complex64]  # (2H, D/2)
    query: Floats  # (H, D, 1)
    key: Floats  # (H, D)
    value: Floats
    epsilon: np.float32  # D of those of the norm
    sums: Floats  # (H, 1, D + 1)
    weighted: Floats  # its first D
    total: Floats  # its last
    heads: Floats  # (H, 1, D)
    hidden: Floats

    @staticmethod
    def of(
        block: Block, context: int, product: Callable[..., Product], normed: Floats, branch: Floats
    ) -> _Layer:
        """Features of queries and keys are put in the order of :func:`_interleaved`; products do not mind.

        Args:
            block: of the model.
            context: positions of the cache.
            product: makes a product of a matrix and its two buffers.
            normed: what both halves read, (C,).
            branch: what both halves write, (C,).
        """
        w_qkv = _array(block.qkv.weight)
        num_heads, width = block.num_heads, w_qkv.shape[1]
        size = width // num_heads
        order = np.arange(2 * num_heads)[:, None] * size + _interleaved(size)
        rows = np.concatenate((order.reshape(-1), np.arange(2 * width, 3 * width)))
        qkv = np.empty(3 * width, np.float32)
        qk = qkv[: 2 * width].reshape(2 * num_heads, size)
        sums = np.empty((num_heads, 1, size + 1), np.float32)
        heads = np.empty((num_heads, 1, size), np.float32)
        hidden = np.empty(block.feed_in.out_features, np.float32)
        return _Layer(
            make_qkv=product(w_qkv[rows], normed, qkv),
            mix_heads=product(_array(block.attention_out.weight), heads.reshape(-1), branch),
            feed_in=product(_array(block.feed_in.weight), normed, hidden),
            feed_out=product(_array(block.feed_out.weight), hidden, branch, is_wide=True),
            # Both are normalised to √D; the factor 1/√D of the scores is taken into the queries.
            lengths=np.repeat(np.array((1.0, size**0.5), np.float32), num_heads),
            keys=np.zeros((num_heads, context, size), np.float32),
            values=np.ones((num_heads, context, size + 1), np.float32),
            qk=qk,
            qk_pairs=qk.view(np.complex64),
            query=qk[:num_heads, :, None],
            key=qk[num_heads:],
            value=qkv[2 * width :].reshape(num_heads, size),
            epsilon=np.float32(_EPSILON * size),
            sums=sums,
            weighted=sums[..., :-1],
            total=sums[..., -1:],
            heads=heads,
            hidden=hidden,
        )

    def attend(self, turn: NDArray[np.complex64], near: slice) -> None:
        """The self-attention branch over the positions ``near``; key and value of the last join the cache."""
        self.make_qkv()
        factors = np.einsum("ij,ij->i", self.qk, self.qk)
        np.add(factors, self.epsilon, out=factors)
        np.sqrt(factors, out=factors)
        np.divide(self.lengths, factors, out=factors)
        np.multiply(self.qk, factors[:, None], out=self.qk)
        np.multiply(self.qk_pairs, turn, out=self.qk_pairs)
        self.keys[:, near.stop - 1] = self.key
        self.values[:, near.stop - 1, :-1] = self.value
        weights = np.matmul(self.keys[:, near], self.query)  # (H, S, 1)
        np.exp(weights, out=weights)  # of at most √D, since queries and keys are normalised
        np.matmul(weights.transpose(0, 2, 1), self.values[:, near], out=self.sums)
        np.divide(self.weighted, self.total, out=self.heads)
        self.mix_heads()

    def feed_forward(self) -> None:
        """The feed-forward branch."""
        self.feed_in()
        np.maximum(self.hidden, 0, out=self.hidden)
        np.multiply(self.hidden, self.hidden, out=self.hidden)
        self.feed_out()


def has_quick_float16() -> bool:
    """Whether products in float16 are worth it here; a fact of the processor, so that texts repeat."""
    return str(torch.backends.cpu.get_cpu_capability()) == "AVX512"


def _whole_product(
    weight: Floats,
    x: Floats,
    out: Floats,
    is_wide: bool = False,  # noqa: ARG001 - float32 ends nowhere near
) -> Product:
    return partial(np.dot, weight, x, out)


class _HalfProduct:
    """Product with a matrix held in float16; PyTorch multiplies and converts, which NumPy does slowly.

    Args:
        weight: the matrix.
        x: where the vector stands.
        out: where the product goes.
        is_wide: whether the vector, of no negative number, may pass 65,504, where float16 ends, as the squares of a
            feed-forward layer may: it is divided by its largest number before, and the product multiplied by it after.
    """

    def __init__(self, weight: Floats, x: Floats, out: Floats, is_wide: bool = False) -> None:
        self._weight = torch.from_numpy(weight).half()
        self._half_out, self._half_x = (
            torch.empty(size, dtype=torch.float16) for size in weight.shape
        )
        self._x, self._out, self._is_wide = torch.from_numpy(x), torch.from_numpy(out), is_wide

    def __call__(self) -> None:
        peak = float(self._x.amax()) if self._is_wide else 1.0
        if peak > 1:
            self._x.div_(peak)
        self._half_x.copy_(self._x)
        torch.mv(self._weight, self._half_x, out=self._half_out)
        self._out.copy_(self._half_out)
        if peak > 1:
            self._out.mul_(peak)


def _interleaved(size: int) -> NDArray[np.int64]:
    """Order in which features j and j + D/2, which turn together, are neighbours: one complex number."""
    return np.arange(size).reshape(2, size // 2).T.reshape(-1)


def _norm(x: Floats, out: Floats) -> None:
    np.multiply(x, 1 / math.sqrt(float(np.dot(x, x)) / len(x) + _EPSILON), out=out)


def _array(weight: Tensor) -> Floats:
    array: Floats = weight.detach().float().contiguous().numpy()
    return array
