"""Blurs that vary over the field, identified and removed (Fig. 10 of the paper), for a family of measured PSFs."""
