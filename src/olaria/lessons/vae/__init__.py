"""What a VAE makes of an image: a distribution over codes, a draw from it, and a bound with two terms."""
