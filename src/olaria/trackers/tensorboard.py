"""TensorBoard: one file of events, written without TensorFlow and without PyTorch.

Of the package tensorboard only the forms of its messages are imported. A file of events is a row of records: the length
(uint64), its checksum, the message, its checksum; little-endian, with the checksum
:math:`\\operatorname{rot}_{15}(\\mathrm{CRC32C}) + \\mathtt{a282ead8}` modulo :math:`2^{32}`.

Source: TensorFlow, *TFRecord and tf.train.Example* (www.tensorflow.org/tutorials/load_data/tfrecord); the plugins'
``metadata.py`` in github.com/tensorflow/tensorboard.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import (
    DATA_CLASS_BLOB_SEQUENCE,
    DATA_CLASS_TENSOR,
    Summary,
    SummaryMetadata,
)
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT, DT_STRING
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)

from olaria.storage.images import read_png
from olaria.trackers import About

PATTERN = "events.out.tfevents.*.olaria"
_MASK = 0xA282EAD8


def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)  # Castagnoli's polynomial, reflected
        table.append(byte)
    return table


_TABLE = _table()


def _checksum(content: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF)


class TensorBoard:
    """One run as a file of events; see :class:`olaria.trackers.Tracker`.

    Args:
        about: the run.
        folder: for the file; an older one of ours, of the same run before it was resumed, gives way to it.
    """

    def __init__(self, about: About, folder: Path) -> None:
        self._began_s = about.began_s
        older = list(folder.glob(PATTERN))
        self._file = (folder / PATTERN.replace("*", f"{time.time():017.6f}")).open("xb")
        self._write(Event(wall_time=about.began_s, file_version="brain.Event:2"))
        for path in older:
            path.unlink()
        start = SessionStartInfo(start_time_secs=about.began_s)
        for name, value in about.settings.items():
            if isinstance(value, bool):
                start.hparams[name].bool_value = value
            elif isinstance(value, str):
                start.hparams[name].string_value = value
            else:
                start.hparams[name].number_value = value
        self._hparams("_hparams_/session_start_info", HParamsPluginData(session_start_info=start))

    def numbers(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """Scalars, which event files hold in single precision.

        TensorBoard's data server shows none in double precision, though the format has them.
        """
        self._add(step, seconds, *(Summary.Value(tag=t, simple_value=v) for t, v in values.items()))

    def picture(self, step: int, seconds: float, path: Path) -> None:
        """The PNG as it is."""
        with read_png(path) as picture:
            size = [str(side).encode() for side in picture.size]
        tensor = _tensor(DT_STRING, 3, string_val=[*size, path.read_bytes()])
        self._add(step, seconds, _value("samples", "images", DATA_CLASS_BLOB_SEQUENCE, tensor))

    def words(self, step: int, seconds: float, path: Path) -> None:
        """The text, indented: the dashboard reads Markdown, and a sample is to keep its lines."""
        lines = path.read_text("utf-8", "replace").split("\n")
        text = "\n".join(f"    {line}" for line in lines).encode()
        tensor = _tensor(DT_STRING, string_val=[text])
        self._add(step, seconds, _value("samples", "text", DATA_CLASS_TENSOR, tensor))

    def close(self, is_done: bool) -> None:
        """Say how the run ended."""
        status = api_pb2.STATUS_SUCCESS if is_done else api_pb2.STATUS_FAILURE
        end = SessionEndInfo(status=status, end_time_secs=time.time())
        self._hparams("_hparams_/session_end_info", HParamsPluginData(session_end_info=end))
        self._file.close()

    def _hparams(self, tag: str, content: Any) -> None:
        """A message of the plugin of hyperparameters, which lies in the metadata of an empty tensor."""
        metadata = SummaryMetadata(data_class=DATA_CLASS_TENSOR)
        metadata.plugin_data.plugin_name = "hparams"
        metadata.plugin_data.content = content.SerializeToString()
        self._add(0, 0.0, Summary.Value(tag=tag, metadata=metadata, tensor=_tensor(DT_FLOAT, 0)))

    def _add(self, step: int, seconds: float, *values: Any) -> None:
        summary = Summary(value=values)
        self._write(Event(wall_time=self._began_s + seconds, step=step, summary=summary))

    def _write(self, event: Any) -> None:
        content = event.SerializeToString()
        length = struct.pack("<Q", len(content))
        self._file.write(length + _checksum(length) + content + _checksum(content))
        self._file.flush()


opened = TensorBoard


def _tensor(dtype: int, *shape: int, **content: Any) -> Any:
    dimensions = TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in shape])
    return TensorProto(dtype=dtype, tensor_shape=dimensions, **content)


def _value(tag: str, plugin: str, data_class: int, tensor: Any) -> Any:
    metadata = SummaryMetadata(data_class=data_class)
    metadata.plugin_data.plugin_name = plugin
    return Summary.Value(tag=tag, metadata=metadata, tensor=tensor)
