"""Decide what definitions may be and what a change of one means for the others."""
