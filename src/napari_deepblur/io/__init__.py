"""Files in and out: images, weights and families of blurs."""
