"""Keep what each workspace defines, who belongs to it, and what they may do."""
