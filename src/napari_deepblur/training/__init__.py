"""Training: sharp images, fresh operators and noise for each batch, and one readable loop for each network."""
