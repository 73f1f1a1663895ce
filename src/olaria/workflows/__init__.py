"""The use cases, one file each; the command line and the page are thin shells over them."""
