"""How an encoder–decoder translates a sentence, and whether what it writes depends on what it reads."""
