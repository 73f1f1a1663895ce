"""What an autoencoder does to an image, what that costs, what it is good for, and what it is not."""
