"""What a report refers to, as data: works by key, and which of them a run's settings and metrics rest on.

How they are written, and cited, is the business of :mod:`olaria.pages.citations`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from olaria.cards.context import RunCard
from olaria.families import MODELS
from olaria.families.report import Method, Setting, is_set
from olaria.i18n import N_

_NEURIPS = "Advances in Neural Information Processing Systems"


@dataclass(frozen=True)
class Event:
    """Where proceedings come from.

    Args:
        name: of the event.
        edition: its number.
        year: in which it was held.
        place: a city; ``online`` where there was none.
        publisher: of the proceedings; with its own place, ``Berlin: Springer``, where that is another.
    """

    name: str
    edition: int
    year: int
    place: str
    publisher: str


def _iclr(edition: int, place: str) -> Event:
    name = "International Conference on Learning Representations"
    return Event(name, edition, 2012 + edition, place, "ICLR")


def _icml(edition: int, place: str) -> Event:
    return Event(
        "International Conference on Machine Learning", edition, 1983 + edition, place, "PMLR"
    )


def _acl(edition: int, place: str) -> Event:
    name = "Annual Meeting of the Association for Computational Linguistics"
    return Event(name, edition, 1962 + edition, place, "ACL")


@dataclass(frozen=True)
class Reference:
    """A work.

    Args:
        authors: ``Kingma, D. P.; Welling, M.``: all of them, or enough that “et al.” follows.
        title: in sentence case.
        year: of publication.
        journal: with ``volume``, ``number`` and ``pages``, where it is an article of one.
        event: where it is of proceedings.
        publisher: ``place: name``, where it is a report.
        doi, arxiv, url: where it is found.
    """

    authors: str
    title: str
    year: int
    journal: str = ""
    volume: str = ""
    number: str = ""
    pages: str = ""
    event: Event | None = None
    publisher: str = ""
    doi: str = ""
    arxiv: str = ""
    url: str = ""


REFERENCES: Mapping[str, Reference] = MappingProxyType({
    # -- autoencoders ------------------------------------------------------------------------------
    "hinton2006": Reference("Hinton, G. E.; Salakhutdinov, R. R.",
        "Reducing the dimensionality of data with neural networks", 2006, "Science", "313", "5786", "504–507",
        doi="10.1126/science.1127647"),
    "baldi1989": Reference("Baldi, P.; Hornik, K.",
        "Neural networks and principal component analysis: learning from examples without local minima", 1989,
        "Neural Networks", "2", "1", "53–58", doi="10.1016/0893-6080(89)90014-2"),
    "vincent2010": Reference("Vincent, P.; Larochelle, H.; Lajoie, I.; Bengio, Y.; Manzagol, P.-A.",
        "Stacked denoising autoencoders: learning useful representations in a deep network with a local denoising "
        "criterion", 2010, "Journal of Machine Learning Research", "11", pages="3371–3408"),
    "rifai2011": Reference("Rifai, S.; Vincent, P.; Muller, X.; Glorot, X.; Bengio, Y.",
        "Contractive auto-encoders: explicit invariance during feature extraction", 2011, pages="833–840",
        event=Event("International Conference on Machine Learning", 28, 2011, "Bellevue", "Omnipress")),
    "venna2001": Reference("Venna, J.; Kaski, S.",
        "Neighborhood preservation in nonlinear projection methods: an experimental study", 2001, pages="485–491",
        event=Event("International Conference on Artificial Neural Networks", 11, 2001, "Vienna", "Berlin: Springer"),
        doi="10.1007/3-540-44668-0_68"),
    # -- variational autoencoders ------------------------------------------------------------------
    "kingma2014": Reference("Kingma, D. P.; Welling, M.", "Auto-encoding variational Bayes", 2014,
        event=_iclr(2, "Banff"), arxiv="1312.6114"),
    "rezende2014": Reference("Rezende, D. J.; Mohamed, S.; Wierstra, D.",
        "Stochastic backpropagation and approximate inference in deep generative models", 2014, pages="1278–1286",
        event=_icml(31, "Beijing"), arxiv="1401.4082"),
    "burda2016": Reference("Burda, Y.; Grosse, R.; Salakhutdinov, R.", "Importance weighted autoencoders", 2016,
        event=_iclr(4, "San Juan"), arxiv="1509.00519"),
    "higgins2017": Reference("Higgins, I.; Matthey, L.; Pal, A.; Burgess, C.; Glorot, X.; Botvinick, M.; Mohamed, S.; "
        "Lerchner, A.", "beta-VAE: learning basic visual concepts with a constrained variational framework", 2017,
        event=_iclr(5, "Toulon")),
    "bowman2016": Reference("Bowman, S. R.; Vilnis, L.; Vinyals, O.; Dai, A. M.; Jozefowicz, R.; Bengio, S.",
        "Generating sentences from a continuous space", 2016, pages="10–21", doi="10.18653/v1/K16-1002",
        event=Event("Conference on Computational Natural Language Learning", 20, 2016, "Berlin", "ACL")),
    "kingma2016": Reference("Kingma, D. P.; Salimans, T.; Jozefowicz, R.; Chen, X.; Sutskever, I.; Welling, M.",
        "Improved variational inference with inverse autoregressive flow", 2016, _NEURIPS, "29", arxiv="1606.04934"),
    "sonderby2016": Reference("Sønderby, C. K.; Raiko, T.; Maaløe, L.; Sønderby, S. K.; Winther, O.",
        "Ladder variational autoencoders", 2016, _NEURIPS, "29", arxiv="1602.02282"),
    "dinh2017": Reference("Dinh, L.; Sohl-Dickstein, J.; Bengio, S.", "Density estimation using Real NVP", 2017,
        event=_iclr(5, "Toulon"), arxiv="1605.08803"),
    "chen2017": Reference("Chen, X.; Kingma, D. P.; Salimans, T.; Duan, Y.; Dhariwal, P.; Schulman, J.; Sutskever, I.; "
        "Abbeel, P.", "Variational lossy autoencoder", 2017, event=_iclr(5, "Toulon"), arxiv="1611.02731"),
    "sohn2015": Reference("Sohn, K.; Lee, H.; Yan, X.",
        "Learning structured output representation using deep conditional generative models", 2015, _NEURIPS, "28"),
    "salimans2017": Reference("Salimans, T.; Karpathy, A.; Chen, X.; Kingma, D. P.",
        "PixelCNN++: improving the PixelCNN with discretized logistic mixture likelihood and other modifications",
        2017, event=_iclr(5, "Toulon"), arxiv="1701.05517"),
    "kullback1951": Reference("Kullback, S.; Leibler, R. A.", "On information and sufficiency", 1951,
        "Annals of Mathematical Statistics", "22", "1", "79–86", doi="10.1214/aoms/1177729694"),
    "oord2017": Reference("Oord, A. van den; Vinyals, O.; Kavukcuoglu, K.", "Neural discrete representation learning",
        2017, _NEURIPS, "30", arxiv="1711.00937"),
    "yu2022": Reference("Yu, J.; Li, X.; Koh, J. Y.; Zhang, H.; Pang, R.; Qin, J.; Ku, A.; Xu, Y.; Baldridge, J.; "
        "Wu, Y.", "Vector-quantized image modeling with improved VQGAN", 2022, event=_iclr(10, "online"),
        arxiv="2110.04627"),
    # -- adversarial networks ----------------------------------------------------------------------
    "goodfellow2014": Reference("Goodfellow, I. J.; Pouget-Abadie, J.; Mirza, M.; Xu, B.; Warde-Farley, D.; Ozair, S.; "
        "Courville, A.; Bengio, Y.", "Generative adversarial nets", 2014, _NEURIPS, "27", pages="2672–2680",
        arxiv="1406.2661"),
    "radford2016": Reference("Radford, A.; Metz, L.; Chintala, S.",
        "Unsupervised representation learning with deep convolutional generative adversarial networks", 2016,
        event=_iclr(4, "San Juan"), arxiv="1511.06434"),
    "mao2017": Reference("Mao, X.; Li, Q.; Xie, H.; Lau, R. Y. K.; Wang, Z.; Smolley, S. P.",
        "Least squares generative adversarial networks", 2017, arxiv="1611.04076",
        event=Event("IEEE International Conference on Computer Vision", 16, 2017, "Venice", "IEEE")),
    "lim2017": Reference("Lim, J. H.; Ye, J. C.", "Geometric GAN", 2017, arxiv="1705.02894"),
    "arjovsky2017": Reference("Arjovsky, M.; Chintala, S.; Bottou, L.", "Wasserstein generative adversarial networks",
        2017, pages="214–223", event=_icml(34, "Sydney"), arxiv="1701.07875"),
    "gulrajani2017": Reference("Gulrajani, I.; Ahmed, F.; Arjovsky, M.; Dumoulin, V.; Courville, A.",
        "Improved training of Wasserstein GANs", 2017, _NEURIPS, "30", arxiv="1704.00028"),
    "mescheder2018": Reference("Mescheder, L.; Geiger, A.; Nowozin, S.",
        "Which training methods for GANs do actually converge?", 2018, pages="3481–3490",
        event=_icml(35, "Stockholm"), arxiv="1801.04406"),
    "miyato2018": Reference("Miyato, T.; Kataoka, T.; Koyama, M.; Yoshida, Y.",
        "Spectral normalization for generative adversarial networks", 2018, event=_iclr(6, "Vancouver"),
        arxiv="1802.05957"),
    "miyato2018b": Reference("Miyato, T.; Koyama, M.", "cGANs with projection discriminator", 2018,
        event=_iclr(6, "Vancouver"), arxiv="1802.05637"),
    "mirza2014": Reference("Mirza, M.; Osindero, S.", "Conditional generative adversarial nets", 2014,
        arxiv="1411.1784"),
    "odena2017": Reference("Odena, A.; Olah, C.; Shlens, J.",
        "Conditional image synthesis with auxiliary classifier GANs", 2017, pages="2642–2651",
        event=_icml(34, "Sydney"), arxiv="1610.09585"),
    "karras2018": Reference("Karras, T.; Aila, T.; Laine, S.; Lehtinen, J.",
        "Progressive growing of GANs for improved quality, stability, and variation", 2018,
        event=_iclr(6, "Vancouver"), arxiv="1710.10196"),
    "karras2020": Reference("Karras, T.; Aittala, M.; Hellsten, J.; Laine, S.; Lehtinen, J.; Aila, T.",
        "Training generative adversarial networks with limited data", 2020, _NEURIPS, "33", arxiv="2006.06676"),
    "yazici2019": Reference("Yazıcı, Y.; Foo, C.-S.; Winkler, S.; Yap, K.-H.; Piliouras, G.; Chandrasekhar, V.",
        "The unusual effectiveness of averaging in GAN training", 2019, event=_iclr(7, "New Orleans"),
        arxiv="1806.04498"),
    "heusel2017": Reference("Heusel, M.; Ramsauer, H.; Unterthiner, T.; Nessler, B.; Hochreiter, S.",
        "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", 2017, _NEURIPS, "30",
        arxiv="1706.08500"),
    "chong2020": Reference("Chong, M. J.; Forsyth, D.",
        "Effectively unbiased FID and Inception Score and where to find them", 2020, arxiv="1911.07023",
        event=Event("IEEE/CVF Conference on Computer Vision and Pattern Recognition", 33, 2020, "online", "IEEE")),
    "binkowski2018": Reference("Bińkowski, M.; Sutherland, D. J.; Arbel, M.; Gretton, A.", "Demystifying MMD GANs",
        2018, event=_iclr(6, "Vancouver"), arxiv="1801.01401"),
    "kynkaanniemi2019": Reference("Kynkäänniemi, T.; Karras, T.; Laine, S.; Lehtinen, J.; Aila, T.",
        "Improved precision and recall metric for assessing generative models", 2019, _NEURIPS, "32",
        arxiv="1904.06991"),
    "naeem2020": Reference("Naeem, M. F.; Oh, S. J.; Uh, Y.; Choi, Y.; Yoo, J.",
        "Reliable fidelity and diversity metrics for generative models", 2020, pages="7176–7185",
        event=_icml(37, "online"), arxiv="2002.09797"),
    # -- flow matching -----------------------------------------------------------------------------
    "lipman2023": Reference("Lipman, Y.; Chen, R. T. Q.; Ben-Hamu, H.; Nickel, M.; Le, M.",
        "Flow matching for generative modeling", 2023, event=_iclr(11, "Kigali"), arxiv="2210.02747"),
    "liu2023": Reference("Liu, X.; Gong, C.; Liu, Q.",
        "Flow straight and fast: learning to generate and transfer data with rectified flow", 2023,
        event=_iclr(11, "Kigali"), arxiv="2209.03003"),
    "esser2024": Reference("Esser, P.; Kulal, S.; Blattmann, A.; Entezari, R.; Müller, J.; Saini, H.; Levi, Y.; "
        "Lorenz, D.; Sauer, A.; Boesel, F.; Podell, D.; Dockhorn, T.; English, Z.; Lacey, K.; Goodwin, A.; "
        "Marek, Y.; Rombach, R.", "Scaling rectified flow transformers for high-resolution image synthesis", 2024,
        event=_icml(41, "Vienna"), arxiv="2403.03206"),
    "tancik2020": Reference("Tancik, M.; Srinivasan, P. P.; Mildenhall, B.; Fridovich-Keil, S.; Raghavan, N.; "
        "Singhal, U.; Ramamoorthi, R.; Barron, J. T.; Ng, R.",
        "Fourier features let networks learn high frequency functions in low dimensional domains", 2020, _NEURIPS,
        "33", arxiv="2006.10739"),
    "ho2022": Reference("Ho, J.; Salimans, T.", "Classifier-free diffusion guidance", 2022, arxiv="2207.12598"),
    "chen2018": Reference("Chen, R. T. Q.; Rubanova, Y.; Bettencourt, J.; Duvenaud, D.",
        "Neural ordinary differential equations", 2018, _NEURIPS, "31", arxiv="1806.07366"),
    "grathwohl2019": Reference("Grathwohl, W.; Chen, R. T. Q.; Bettencourt, J.; Sutskever, I.; Duvenaud, D.",
        "FFJORD: free-form continuous dynamics for scalable reversible generative models", 2019,
        event=_iclr(7, "New Orleans"), arxiv="1810.01367"),
    "kingma2021": Reference("Kingma, D. P.; Salimans, T.; Poole, B.; Ho, J.", "Variational diffusion models", 2021,
        _NEURIPS, "34", arxiv="2107.00630"),
    # -- masked diffusion --------------------------------------------------------------------------
    "sahoo2024": Reference("Sahoo, S. S.; Arriola, M.; Schiff, Y.; Gokaslan, A.; Marroquin, E.; Chiu, J. T.; Rush, A.; "
        "Kuleshov, V.", "Simple and effective masked diffusion language models", 2024, _NEURIPS, "37",
        arxiv="2406.07524"),
    "shi2024": Reference("Shi, J.; Han, K.; Wang, Z.; Doucet, A.; Titsias, M. K.",
        "Simplified and generalized masked diffusion for discrete data", 2024, _NEURIPS, "37", arxiv="2406.04329"),
    "uria2014": Reference("Uria, B.; Murray, I.; Larochelle, H.", "A deep and tractable density estimator", 2014,
        pages="467–475", event=_icml(31, "Beijing"), arxiv="1310.1757"),
    "hoogeboom2022": Reference("Hoogeboom, E.; Gritsenko, A. A.; Bastings, J.; Poole, B.; van den Berg, R.; "
        "Salimans, T.", "Autoregressive diffusion models", 2022, event=_iclr(10, "online"), arxiv="2110.02037"),
    # -- language and translation ------------------------------------------------------------------
    "shannon1948": Reference("Shannon, C. E.", "A mathematical theory of communication", 1948,
        "Bell System Technical Journal", "27", "3", "379–423", doi="10.1002/j.1538-7305.1948.tb01338.x"),
    "vaswani2017": Reference("Vaswani, A.; Shazeer, N.; Parmar, N.; Uszkoreit, J.; Jones, L.; Gomez, A. N.; "
        "Kaiser, Ł.; Polosukhin, I.", "Attention is all you need", 2017, _NEURIPS, "30", arxiv="1706.03762"),
    "radford2019": Reference("Radford, A.; Wu, J.; Child, R.; Luan, D.; Amodei, D.; Sutskever, I.",
        "Language models are unsupervised multitask learners", 2019, publisher="San Francisco: OpenAI"),
    "he2016": Reference("He, K.; Zhang, X.; Ren, S.; Sun, J.", "Deep residual learning for image recognition", 2016,
        pages="770–778", doi="10.1109/CVPR.2016.90",
        event=Event("IEEE Conference on Computer Vision and Pattern Recognition", 29, 2016, "Las Vegas", "IEEE")),
    "ba2016": Reference("Ba, J. L.; Kiros, J. R.; Hinton, G. E.", "Layer normalization", 2016, arxiv="1607.06450"),
    "zhang2019": Reference("Zhang, B.; Sennrich, R.", "Root mean square layer normalization", 2019, _NEURIPS, "32",
        arxiv="1910.07467"),
    "roy2021": Reference("Roy, A.; Saffar, M.; Vaswani, A.; Grangier, D.",
        "Efficient content-based sparse attention with routing Transformers", 2021,
        "Transactions of the Association for Computational Linguistics", "9", pages="53–68",
        doi="10.1162/tacl_a_00353"),
    "su2021": Reference("Su, J.; Lu, Y.; Pan, S.; Murtadha, A.; Wen, B.; Liu, Y.",
        "RoFormer: enhanced Transformer with rotary position embedding", 2021, arxiv="2104.09864"),
    "henry2020": Reference("Henry, A.; Dachapally, P. R.; Pawar, S. S.; Chen, Y.",
        "Query-key normalization for Transformers", 2020, arxiv="2010.04245"),
    "so2021": Reference("So, D. R.; Mańke, W.; Liu, H.; Dai, Z.; Shazeer, N.; Le, Q. V.",
        "Primer: searching for efficient Transformers for language modeling", 2021, _NEURIPS, "34",
        arxiv="2109.08668"),
    "xiong2020": Reference("Xiong, R.; Yang, Y.; He, D.; Zheng, K.; Zheng, S.; Xing, C.; Zhang, H.; Lan, Y.; Wang, L.; "
        "Liu, T.-Y.", "On layer normalization in the Transformer architecture", 2020, pages="10524–10533",
        event=_icml(37, "online"), arxiv="2002.04745"),
    "sennrich2016": Reference("Sennrich, R.; Haddow, B.; Birch, A.",
        "Neural machine translation of rare words with subword units", 2016, pages="1715–1725",
        event=_acl(54, "Berlin"), doi="10.18653/v1/P16-1162"),
    "hu2022": Reference("Hu, E. J.; Shen, Y.; Wallis, P.; Allen-Zhu, Z.; Li, Y.; Wang, S.; Wang, L.; Chen, W.",
        "LoRA: low-rank adaptation of large language models", 2022, event=_iclr(10, "online"), arxiv="2106.09685"),
    "bahdanau2015": Reference("Bahdanau, D.; Cho, K.; Bengio, Y.",
        "Neural machine translation by jointly learning to align and translate", 2015, event=_iclr(3, "San Diego"),
        arxiv="1409.0473"),
    "papineni2002": Reference("Papineni, K.; Roukos, S.; Ward, T.; Zhu, W.-J.",
        "BLEU: a method for automatic evaluation of machine translation", 2002, pages="311–318",
        event=_acl(40, "Philadelphia"), doi="10.3115/1073083.1073135"),
    "popovic2015": Reference("Popović, M.", "chrF: character n-gram F-score for automatic MT evaluation", 2015,
        pages="392–395", event=Event("Workshop on Statistical Machine Translation", 10, 2015, "Lisbon", "ACL"),
        doi="10.18653/v1/W15-3049"),
    # -- training ----------------------------------------------------------------------------------
    "kingma2015": Reference("Kingma, D. P.; Ba, J.", "Adam: a method for stochastic optimization", 2015,
        event=_iclr(3, "San Diego"), arxiv="1412.6980"),
    "loshchilov2019": Reference("Loshchilov, I.; Hutter, F.", "Decoupled weight decay regularization", 2019,
        event=_iclr(7, "New Orleans"), arxiv="1711.05101"),
    "jordan2024": Reference("Jordan, K.; Jin, Y.; Boza, V.; You, J.; Cesista, F.; Newhouse, L.; Bernstein, J.",
        "Muon: an optimizer for hidden layers in neural networks", 2024,
        url="https://kellerjordan.github.io/posts/muon/"),
    "li2025": Reference("Li, Z.; Liu, L.; Liang, C.; Chen, W.; Zhao, T.",
        "NorMuon: making Muon more efficient and scalable", 2025, arxiv="2510.05491"),
    "srivastava2014": Reference("Srivastava, N.; Hinton, G.; Krizhevsky, A.; Sutskever, I.; Salakhutdinov, R.",
        "Dropout: a simple way to prevent neural networks from overfitting", 2014,
        "Journal of Machine Learning Research", "15", pages="1929–1958"),
})  # fmt: skip


METRIC_REFERENCES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "nll_nats": ("burda2016",),
        "bits_per_dimension": ("kingma2021",),
        "active_units": ("burda2016",),
        "trustworthiness": ("venna2001",),
        "code_perplexity": ("oord2017",),
        "fd": ("heusel2017",),
        "fd_unbiased": ("chong2020",),
        "kd": ("binkowski2018",),
        "precision": ("kynkaanniemi2019",),
        "recall": ("kynkaanniemi2019",),
        "density": ("naeem2020",),
        "coverage": ("naeem2020",),
        "point_nll_nats": ("chen2018",),
        "excess_nats": ("chen2018",),
        "bleu": ("papineni2002",),
        "chrf": ("popovic2015",),
    }
)
"""Where a metric comes from."""


def _averages_a_game(setting: Setting) -> bool:
    """The work is about games: their players circle around the balance."""
    return bool(setting("training.ema")) and setting("model.discriminator_rate") is not None


COMMON = (
    Method(N_("dropout"), ("srivastava2014",), is_set("model.dropout")),
    Method(N_("byte-pair tokens"), ("sennrich2016",), is_set("data.tokenizer", "bpe")),
    Method(N_("low-rank adapters"), ("hu2022",), is_set("tuning.rank")),
    Method(N_("Adam"), ("kingma2015",), is_set("training.optimizer", "adam", "muon")),
    Method(N_("Muon for the matrices"), ("jordan2024", "li2025"), is_set("training.optimizer", "muon")),
    Method(N_("weight decay"), ("loshchilov2019",), is_set("training.weight_decay")),
    Method(N_("averaged weights"), ("yazici2019",), _averages_a_game),
)  # fmt: skip
"""What runs of any family may use; what those of one may, its entry in :data:`olaria.families.MODELS` lists."""


def methods_of(run: RunCard) -> list[Method]:
    """What a run used, as its recipe says, in the order of mention."""
    every = (*MODELS[run.family].methods, *COMMON)
    return [method for method in every if method.used(run.setting)]
