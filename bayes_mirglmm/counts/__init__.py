"""The container of isomiR counts, and what is said of counts before a model is fitted.

What belongs here: the container with its validation (``container.py``), expression filters, offsets, the types of
isomiRs, and the view that ``inspect`` shows. Files in this room know the container and nothing of fits; readers make
the container, everything after them takes it.
"""
