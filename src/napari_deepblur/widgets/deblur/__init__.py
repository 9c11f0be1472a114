"""The Deblur dock and what it is made of."""
