"""A GAN's game opened up, in the plane and on images: one lesson for both families.

Sources: Goodfellow et al. 2014; Kahng et al. 2019, *GAN Lab* (what there is to see of such a game).
"""
