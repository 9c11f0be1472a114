"""What is to be measured in worlds that are more like real ones: light as a vector, depth, unknown amplitudes."""
