"""A plane of nothing but the kit's tables and one for effects."""
