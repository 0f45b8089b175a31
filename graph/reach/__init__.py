"""How effects travel over the environment graph: seeds, gates, rules for each relation, and what stays unseen."""
