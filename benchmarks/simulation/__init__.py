"""Test images that training never reads, blurred and spoilt."""
