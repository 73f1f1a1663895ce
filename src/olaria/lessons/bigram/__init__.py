"""The bigram: a learned table of pairs beside the counted one, and what it cannot know."""
