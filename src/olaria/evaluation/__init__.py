"""Evaluation: metrics as pure functions, and what each of them means.

:data:`METRICS` is the one table of keys, units and directions; importing it does not import torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from olaria.i18n import N_, translate
from olaria.numbers import format_number

__all__ = ["METRICS", "WATCHED", "Metric"]

Direction = Literal["higher", "lower", "none"]


@dataclass(frozen=True)
class Metric:
    """What a number means.

    Args:
        unit: English source string, empty for a pure number.
        direction: whether ``higher`` or ``lower`` is better; ``none`` where neither is.
        title: English source string, a few words.
        explanation: English source string, one sentence.
        digits: decimals worth showing.
    """

    unit: str
    direction: Direction
    title: str
    explanation: str
    digits: int = 3

    @property
    def better(self) -> str:
        """``↑`` or ``↓``, the way that is better; empty where neither is."""
        return {"higher": "↑", "lower": "↓", "none": ""}[self.direction]

    def written(self, value: float | Sequence[float], language: str = "en") -> str:
        r"""A value of it, or an interval, in the reader's notation, with the unit.

        >>> METRICS["psnr_db"].written(12.5), METRICS["fd_ci95"].written([1, 2.5])
        ('12.50\xa0dB', '1 – 2.50')
        """
        numbers = value if isinstance(value, Sequence) else [value]
        text = " – ".join(
            format_number(number, language, 0 if isinstance(number, int) else self.digits)
            for number in numbers
        )
        unit = translate(self.unit, language)
        return f"{text}\N{NO-BREAK SPACE}{unit}" if unit else text


METRICS: dict[str, Metric] = {
    "loss_nats_per_token": Metric(
        N_("nats/token"),
        "lower",
        N_("Loss per token"),
        N_("Mean negative log-likelihood of the next token over the whole validation text."),
    ),
    "loss_nats_per_char": Metric(
        N_("nats/character"),
        "lower",
        N_("Loss per character"),
        N_(
            "The same loss shared among characters, so that tokenizers can be compared on one text."
        ),
    ),
    "bits_per_char": Metric(
        N_("bits/character"),
        "lower",
        N_("Bits per character"),
        N_("Bits that a perfect compressor using this model would spend on each character."),
    ),
    "bits_per_byte": Metric(
        N_("bits/byte"),
        "lower",
        N_("Bits per byte"),
        N_("The same per byte of UTF-8, in which an accented letter has two."),
    ),
    "longest_copied_span_chars": Metric(
        N_("characters"),
        "none",
        N_("Longest copied span"),
        N_("Longest piece of the generated text that stands word for word in the training text."),
        0,
    ),
    "exact_match": Metric(
        "",
        "higher",
        N_("Exact match"),
        N_("Share of sentences translated exactly like the reference."),
    ),
    "bleu": Metric(
        "",
        "higher",
        N_("BLEU"),
        N_("Overlap of word sequences with the reference translations, from 0 to 100."),
        1,
    ),
    "chrf": Metric(
        "",
        "higher",
        N_("chrF"),
        N_("Overlap of character sequences with the reference translations, from 0 to 100."),
        1,
    ),
    "elbo_nats": Metric(
        N_("nats/example"),
        "higher",
        N_("ELBO"),
        N_(
            "Lower bound on the log-likelihood of a test example; the bound itself, so negative unless "
            "pixels have a density."
        ),
        2,
    ),
    "reconstruction_nats": Metric(
        N_("nats/example"),
        "lower",
        N_("Reconstruction"),
        N_("Cost of the pixels once the latent code is known."),
        2,
    ),
    "kl_nats": Metric(
        N_("nats/example"),
        "none",
        N_("KL divergence"),
        N_("Cost of the latent code: how far the encoder's distribution is from the prior."),
        2,
    ),
    "nll_nats": Metric(
        N_("nats/example"),
        "lower",
        N_("Negative log-likelihood"),
        N_("Importance-weighted estimate of −log p(x); tighter than the ELBO."),
        2,
    ),
    "nll_stderr_nats": Metric(
        N_("nats/example"),
        "lower",
        N_("Standard error of the likelihood"),
        N_("Uncertainty of the correction that is measured on a part of the test images."),
        2,
    ),
    "bits_per_dimension": Metric(
        N_("bits/dimension"),
        "lower",
        N_("Bits per dimension"),
        N_(
            "Bits that each number of an image, of 256 levels, costs at most; 8 where nothing is known."
        ),
    ),
    "active_units": Metric(
        N_("dimensions"),
        "none",
        N_("Active units"),
        N_("Latent dimensions whose posterior mean varies with the image (variance above 0.01)."),
        0,
    ),
    "mse": Metric(
        "",
        "lower",
        N_("Mean squared error"),
        N_("Of the reconstruction, over all pixels, with pixels in [0, 1]."),
        5,
    ),
    "psnr_db": Metric(
        N_("dB"),
        "higher",
        N_("Peak signal-to-noise ratio"),
        N_("The mean squared error on a logarithmic scale."),
        2,
    ),
    "denoised_psnr_db": Metric(
        N_("dB"),
        "higher",
        N_("Denoising"),
        N_("Peak signal-to-noise ratio of disturbed images after the autoencoder, in full."),
        2,
    ),
    "linear_denoised_psnr_db": Metric(
        N_("dB"),
        "none",
        N_("Denoising by a linear map"),
        N_("What the best linear map of the training images reaches on the same disturbed images."),
        2,
    ),
    "codes_used": Metric(
        "",
        "higher",
        N_("Codes in use"),
        N_("Entries of the codebook that stand for some part of some image."),
        0,
    ),
    "code_perplexity": Metric(
        "",
        "higher",
        N_("Perplexity of the codes"),
        N_("How many equally frequent codes would be as uncertain."),
        1,
    ),
    "knn_accuracy": Metric(
        "",
        "higher",
        N_("Neighbour accuracy"),
        N_("Share of test images whose nearest training codes vote for the right class."),
    ),
    "trustworthiness": Metric(
        "",
        "higher",
        N_("Trustworthiness"),
        N_("How far neighbours among the codes are neighbours among the images too; 1 is perfect."),
    ),
    "pca_mse": Metric(
        "",
        "none",
        N_("Squared error of principal components"),
        N_("What the best linear map to equally many numbers and back leaves."),
        4,
    ),
    "pca_knn_accuracy": Metric(
        "",
        "none",
        N_("k-NN accuracy of principal components"),
        N_("The same vote among the coefficients of equally many principal components."),
    ),
    "pca_trustworthiness": Metric(
        "",
        "none",
        N_("Trustworthiness of principal components"),
        N_("The same share among the coefficients of equally many principal components."),
    ),
    "auroc": Metric(
        "",
        "higher",
        N_("AUROC"),
        N_("Probability that an anomaly scores higher than a normal image; 0.5 is chance."),
    ),
    "aupr": Metric(
        "",
        "higher",
        N_("Average precision"),
        N_("Precision averaged over all thresholds; chance is the share of anomalies."),
    ),
    "fd": Metric(
        "",
        "lower",
        N_("Fréchet distance"),
        N_("Distance of generated from test images in our own network's features; not an FID."),
        2,
    ),
    "fd_unbiased": Metric(
        "",
        "lower",
        N_("Fréchet distance, extrapolated"),
        N_("The Fréchet distance that infinitely many images would give."),
        2,
    ),
    "fd_ci95": Metric(
        "",
        "none",
        N_("Fréchet distance, 95% interval"),
        N_("The middle 95% of bootstrap resamples of both sets, moved to the measured distance."),
        2,
    ),
    "fd_floor": Metric(
        "",
        "none",
        N_("Fréchet distance of real images"),
        N_(
            "Distance of the test images from other real images, in MNIST by other writers; a "
            "generator can be nearer."
        ),
        2,
    ),
    "fd_floor_train": Metric(
        "",
        "none",
        N_("Fréchet distance of training images"),
        N_(
            "Distance of the test images from as many training images; a model that copies these "
            "gets about as much."
        ),
        2,
    ),
    "kd": Metric(
        "",
        "lower",
        N_("Kernel distance"),
        N_("Squared maximum mean discrepancy with a cubic kernel; 0 for equal distributions."),
        4,
    ),
    "precision": Metric(
        "",
        "higher",
        N_("Precision"),
        N_(
            "Share of generated examples that lie among the real ones; images are compared in feature space."
        ),
    ),
    "recall": Metric(
        "",
        "higher",
        N_("Recall"),
        N_("Share of real examples that lie among the generated ones."),
    ),
    "density": Metric(
        "",
        "higher",
        N_("Density"),
        N_("How many real neighbourhoods a generated example lies in; about 1 for real examples."),
    ),
    "coverage": Metric(
        "",
        "higher",
        N_("Coverage"),
        N_("Share of real neighbourhoods that hold a generated example."),
    ),
    "classes_covered": Metric(
        N_("classes"),
        "higher",
        N_("Classes covered"),
        N_("Classes that at least 2% of the samples clearly belong to."),
        0,
    ),
    "class_entropy_bits": Metric(
        N_("bits"),
        "higher",
        N_("Class balance"),
        N_("Entropy of the samples' classes; compare with the test images' own."),
    ),
    "class_agreement": Metric(
        "",
        "higher",
        N_("Class agreement"),
        N_("Share of samples drawn for a class that the classifier puts into it."),
    ),
    "point_nll_nats": Metric(
        N_("nats/point"),
        "lower",
        N_("Negative log-density"),
        N_(
            "Mean of −log p over the test points, by the model's exact density; it may be negative."
        ),
    ),
    "excess_nats": Metric(
        N_("nats/point"),
        "lower",
        N_("Excess over the true density"),
        N_(
            "Mean of log p of the data less log p of the model over the test points: 0 where both are the same."
        ),
    ),
    "modes_covered": Metric(
        "",
        "higher",
        N_("Clusters found"),
        N_("Clusters of the data with a generated point within three of its standard deviations."),
        0,
    ),
    "high_quality_share": Metric(
        "",
        "higher",
        N_("Points near a cluster"),
        N_(
            "Share of the generated points within three standard deviations of a cluster; 0.989 is right."
        ),
    ),
    "nearest_train_distance_ratio": Metric(
        "",
        "none",
        N_("Distance to the training images"),
        N_("Relative to new real images; far below 1 means copies, or blur."),
    ),
}

WATCHED: dict[str, Metric] = {
    "loss": Metric(
        "",
        "lower",
        N_("Loss"),
        N_("What training makes small, on the validation examples; its unit is the family's."),
        4,
    ),
    "spread": Metric(
        "",
        "none",
        N_("Spread of the samples"),
        N_("Their variance over that of the real examples; 1 is equal, near 0 all are alike."),
    ),
}
"""What is only measured while a model trains."""
