"""The words that a setting may be set to, and the values that settings have unless given.

Each stands here once, for the engine that acts on it and for every shell that offers it. Nothing is imported, so that a
help page stays instant.
"""

from __future__ import annotations

from typing import Literal

SEED_LIMIT = 2**63
"""Seeds are below it."""
MOST_STEPS = 2**63 - 1
"""Of a run."""
SEED = 0
LORA_TARGETS = ("qkv", "attention_out", "feed_in", "feed_out")
"""Linear layers that get an adapter, by the last part of their names."""
LORA_ALPHA = 16.0
"""An adapter is scaled by this over its rank."""
DEVICE = "cpu"
MOST_THREADS = 1024
"""Threads that may be asked for."""

RESIZE_SIDES = (4, 1024)
"""The smallest and the largest side that images are resized to, in pixels."""
VOCAB_SIZES = (257, 1_000_000)
"""Tokens of a tokenizer of byte pairs, at least and at most: the 256 bytes and one merge."""
VOCAB_SIZE = 512
ENCODING = "utf-8"

NamedCheckpoint = Literal["last", "best"]
Split = Literal["train", "validation", "test"]
Map = Literal["pca", "tsne", "umap"]
Score = Literal["error", "code", "rebuilt", "joint"]
SCORE: Score = "code"
NUM_IMAGES = 64
NUM_POINTS = 2000
"""Drawn unless given."""
MAX_TOKENS = 500
BEAM = 1
MOST_BEAM = 64
Mode = Literal["prior", "reconstruct", "interpolate", "traverse", "manifold", "attribute"]
MODE: Mode = "prior"
Walk = Literal["linear", "spherical"]
"""How to go from one latent vector to another."""
WALK: Walk = "linear"
Prediction = Literal["velocity", "data", "noise"]
"""What a network of flow matching predicts."""
Solver = Literal["euler", "midpoint", "heun"]
"""Of the differential equation by which it draws."""
TokenizerKind = Literal["char", "byte", "word", "bpe"]
TOKENIZER: TokenizerKind = "char"
Times = Literal["keep", "drop"]
"""What becomes of the times of a chat."""
TIMES: Times = "keep"
Unseen = Literal["error", "replace", "skip"]
UNSEEN: Unseen = "error"
Size = Literal["tiny", "small", "base"]
"""``tiny`` trains in seconds, ``small`` in minutes, ``base`` is the largest that two cores train in an hour."""
SIZE: Size = "small"
DataKind = Literal["images", "text", "pairs", "points"]
"""What a data set holds, and what a family learns from."""
Device = Literal["auto", "cpu", "cuda", "mps"]
Shell = Literal["bash", "zsh", "fish"]
"""That words are completed in."""
PresetName = Literal[
    "ae-mnist",
    "dae-mnist",
    "vae-mnist",
    "cvae-mnist",
    "vae-flow-mnist",
    "vq-mnist",
    "gan-mnist",
    "cgan-mnist",
    "ae-fashion-mnist",
    "vae-fashion-mnist",
    "vae-flow-fashion-mnist",
    "gan-fashion-mnist",
    "vae-cifar10",
    "vae-flow-cifar10",
    "gan-cifar10",
    "gan-ring",
    "gan-grid",
    "gan-spiral",
    "flow-mnist",
    "cflow-mnist",
    "flow-fashion-mnist",
    "flow-cifar10",
    "flow-latent",
    "mask-mnist",
    "flow-ring",
    "flow-grid",
    "bigram-shakespeare",
    "average-shakespeare",
    "head-shakespeare",
    "multi-head-shakespeare",
    "feed-forward-shakespeare",
    "residual-shakespeare",
    "norm-shakespeare",
    "gpt2-shakespeare",
    "gpt-shakespeare",
    "gpt-local-shakespeare",
    "reverse",
    "dates",
    "pt-en",
]
"""The keys of :data:`olaria.recipes.PRESETS`, for shells that complete words: the table itself is slow to load."""
DataSetName = Literal[
    "mnist",
    "fashion-mnist",
    "cifar10",
    "digits",
    "tiny-shakespeare",
    "shakespeare",
    "machado",
    "toy-language",
    "reverse",
    "dates",
    "toy-translation",
    "ring",
    "grid",
    "spiral",
]
"""The keys of :data:`olaria.data.DATASETS`, as well."""
PageFormat = Literal["html", "pdf", "md"]
ExportForm = Literal["huggingface", "torch", "onnx", "tensorboard", "gif"]
TrackerName = Literal["tensorboard", "mlflow", "wandb"]
"""Programs that a training can be followed in."""
LessonName = Literal[
    "autoencoder",
    "kl",
    "vae",
    "gan",
    "flow-matching",
    "tokens",
    "bigram",
    "averaging",
    "attention",
    "gpt",
    "encoder-decoder",
    "fine-tuning",
]
"""In the order in which they are learnt."""

SYNONYMS = {
    "lr": "learning-rate",
    "learning-rate": "learning-rate",
    "bs": "batch-size",
    "epoch": "epochs",
    "temp": "temperature",
    "topk": "top-k",
    "topp": "top-p",
    "dataset": "data",
    "output": "out",
    "evaluate": "eval",
    "generate": "sample",
    "atencao": "attention",
    "ajuste-fino": "fine-tuning",
    "codificador-decodificador": "encoder-decoder",
    "media": "averaging",
    "treinar": "train",
    "treino": "train",
    "amostrar": "sample",
    "gerar": "sample",
    "avaliar": "eval",
    "codificar": "encode",
    "reconstruir": "reconstruct",
    "detectar": "detect",
    "relatorio": "report",
    "explicar": "explain",
    "exportar": "export",
    "execucoes": "runs",
    "dados": "data",
    "perplexidade": "perplexity",
    "validacao": "validation",
    "teste": "test",
}
"""What people type, folded, and the part of our names that means it."""
