"""The table of metrics."""

from __future__ import annotations

import subprocess
import sys

from olaria.evaluation import METRICS

KEYS = """
loss_nats_per_token loss_nats_per_char bits_per_char bits_per_byte longest_copied_span_chars
exact_match bleu chrf elbo_nats reconstruction_nats kl_nats nll_nats nll_stderr_nats active_units
mse psnr_db denoised_psnr_db linear_denoised_psnr_db codes_used code_perplexity knn_accuracy trustworthiness pca_mse
pca_knn_accuracy pca_trustworthiness auroc aupr fd
fd_unbiased fd_ci95 fd_floor fd_floor_train kd precision recall density coverage classes_covered
class_entropy_bits class_agreement point_nll_nats excess_nats bits_per_dimension
modes_covered high_quality_share nearest_train_distance_ratio
"""


def test_every_published_key_is_explained() -> None:
    assert set(METRICS) == set(KEYS.split())
    for metric in METRICS.values():
        assert metric.title
        assert metric.explanation.endswith(".")


def test_directions() -> None:
    assert METRICS["elbo_nats"].direction == "higher"  # the bound itself, negative
    assert METRICS["nll_nats"].direction == "lower"
    assert METRICS["recall"].direction == "higher"
    assert METRICS["nearest_train_distance_ratio"].direction == "none"


def test_the_table_is_light() -> None:
    code = "import sys, olaria.evaluation; print('torch' in sys.modules, 'numpy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]
