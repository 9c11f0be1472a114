from .choice import PupilChoice as PupilChoice
from .results import PupilRetrieval as PupilRetrieval
from .retrieve import retrieve_pupil as retrieve_pupil
from .retrieve import retrieve_pupil_steps as retrieve_pupil_steps
