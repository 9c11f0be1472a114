"""PSF SNR of the identified blur, in the paper's setting and away from it."""
