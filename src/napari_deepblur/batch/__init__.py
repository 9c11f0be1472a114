"""Many images with one wish: one that fails is named, what is there already is skipped, all is put on record."""
