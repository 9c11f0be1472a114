"""Restored images of every method, with every kind of blur."""
