"""IDX, the format of MNIST: a magic number, big-endian sizes, raw bytes.

Layout (http://yann.lecun.com/exdb/mnist): two zero bytes, a type code (8 is uint8), the number of
dimensions, then one 32-bit size per dimension, then the values in row-major order.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

from olaria.errors import IntegrityError
from olaria.i18n import N_

if TYPE_CHECKING:
    import numpy as np

UINT8 = 8


def read_idx(
    content: bytes, dimensions: int, name: str
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The uint8 array of an IDX file that must have ``dimensions`` dimensions.

    Raises:
        IntegrityError: the magic number, the sizes or the length of the file are not right.
    """
    import numpy as np

    header = 4 + 4 * dimensions
    if len(content) < header or content[:2] != b"\0\0":
        raise _bad(name, N_("{name} is not an IDX file; fetch it again"))
    if content[2] != UINT8 or content[3] != dimensions:
        raise _bad(
            name,
            N_("{name} holds IDX type {type} in {found} dimensions, not bytes in {expected}"),
            type=content[2],
            found=content[3],
            expected=dimensions,
        )
    sizes = struct.unpack(f">{dimensions}I", content[4:header])
    # An empty array of huge sides would pass the second check, and be too big for NumPy.
    if 0 in sizes or math.prod(sizes) != len(content) - header:
        raise _bad(
            name,
            N_("{name} announces {expected} values and holds {found}; fetch it again"),
            expected=math.prod(sizes),
            found=len(content) - header,
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(sizes)


def _bad(name: str, message_id: str, **fields: int) -> IntegrityError:
    return IntegrityError(message_id, name=name, **fields)
