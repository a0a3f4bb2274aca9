"""The measurements of ``hscore-fast bench``: this library beside others, in one run.

``cases`` says which problems are timed and ``data`` makes them, ``rivals`` are those to beat and
``contenders`` gets all of them ready, ``answers`` computes by other means what each must return,
``measure`` times them in turns, ``memory`` says what is allocated meanwhile, ``results`` compares,
``report`` and ``figure`` show.

Nothing here is imported by ``import hscore_fast``; it needs the extra ``bench``.
"""
