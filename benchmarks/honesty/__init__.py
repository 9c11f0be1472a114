"""Does the program know when it is wrong? Images of many kinds, in and out of what it was made for."""
