"""One module for each format, which `opening.FORMATS` lists and which imports its library."""
