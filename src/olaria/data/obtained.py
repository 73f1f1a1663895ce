"""What the sources of a data set gave."""

from __future__ import annotations

from dataclasses import dataclass, field

from olaria.data.base import DataSet, ImageData, Images, Source, fingerprint
from olaria.data.split import split_images
from olaria.i18n import Message


@dataclass
class Obtained:
    """The decoded files of a data set, by decoded name, and where the last of them came from.

    ``notes`` are for the user even in success (a source gave wrong bytes); ``absences`` only
    explain a failure (a source has nothing, or does not answer).
    """

    content: dict[str, bytes] = field(default_factory=dict)
    source: Source = "cache"
    notes: list[Message] = field(default_factory=list)
    absences: list[Message] = field(default_factory=list)

    def image_data(
        self, data_set: DataSet, train: Images, test: Images, class_names: tuple[str, ...]
    ) -> ImageData:
        """Images read from these files: the last of ``train`` validate, the test set is as published."""
        kept, validation = split_images(train)
        return ImageData(
            name=data_set.name,
            title=data_set.title,
            train=kept,
            validation=validation,
            test=test,
            class_names=class_names,
            source=self.source,
            sha256=fingerprint(self.content[file.decoded_name] for file in data_set.files),
            citation=data_set.citation,
            licence=data_set.licence,
            notes=tuple(self.notes),
        )
