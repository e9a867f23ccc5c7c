"""Keep files, notes, todos and a timeline on any record, under the rights of what carries them."""
