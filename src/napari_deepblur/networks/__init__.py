"""The two networks: identification of the blur, and deblurring with the blur inside. Pure torch, no files."""
