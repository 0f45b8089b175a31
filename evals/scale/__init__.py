"""How large an estate one machine can hold, and how fast it answers. Knows no database."""
