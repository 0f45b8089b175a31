"""How each family of fixes is made: restoring fields, bringing objects back, restarting, holding back."""
