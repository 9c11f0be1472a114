"""Files in and out: images and weights."""
