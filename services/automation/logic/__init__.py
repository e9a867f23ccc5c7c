"""Decide: what a rule may say, when it fires, what its templates mean, when to try again."""
