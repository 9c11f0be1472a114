"""Classical blind estimates of a blur kernel, written from their papers, to be measured beside the networks."""
