"""The parts of ``benchmarks/real_models.py`` and ``benchmarks/curriculum.py``.

``tasks`` reads labelled data out of installed packages, ``images``, ``texts`` and ``sounds`` run
the pretrained networks that other packages carry, ``truth`` measures what their features are worth,
``scores`` holds the scores that try to foretell it, ``agreement`` compares the two, ``tuning``
trains whole networks, ``tables`` prints and ``figure`` draws.
"""
