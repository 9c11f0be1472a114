"""What every benchmark writes: JSON, a table and a figure."""
