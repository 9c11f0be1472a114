"""Formats of image files: one module each, which tells by content whether a file is its own, and opens it lazily."""
