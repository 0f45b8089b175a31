"""Parts of the measurements of drift: estates, a stand-in for a server, alterations of one thing, simple differs."""
