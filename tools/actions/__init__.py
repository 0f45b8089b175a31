"""Everything that writes to the world. Imported by the executor process only."""
