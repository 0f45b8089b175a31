"""Mechanisms: how a platform comes to fail, one family a file. Each is read from what objects and systems say of
themselves, by the platform's documented behaviour; none knows which of several is the one that an alert is about."""
