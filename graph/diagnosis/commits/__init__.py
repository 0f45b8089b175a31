"""Which commit broke it, or none: what a diff does, against what the systems complain of.

A commit is guilty when it could have the effect that is seen, reached the failing services before the trouble began,
and names what the systems name. That it is the latest, or the longest, says nothing.
"""
