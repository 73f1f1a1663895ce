"""The models as files that stand alone: copied into exported folders, read without Olaria.

Each imports torch, safetensors and the standard library, nothing else, and computes what the family's model in
:mod:`olaria.models` computes once it is trained, from weights of the same names. What only training needs is left out.
"""
