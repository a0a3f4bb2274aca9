"""Does the H-score predict what training finds? A study on handwritten digits, as in the paper.

``tasks`` are what the networks learn and what they are to serve, ``networks`` trains them,
``study`` scores and measures, ``figures`` draws. Needs the extra ``demo``.
"""
