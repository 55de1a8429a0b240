"""``bm.fit``: where counts, design, offsets, model, method and results come together.

Everything that one fit needs is called from here, and nothing else calls this room, but for ``choices``: the command
line has them checked before it reads counts.
"""
