from .estimate import estimate_noise as estimate_noise
from .model import PoissonGaussianNoise as PoissonGaussianNoise
from .model import sample_noise as sample_noise
