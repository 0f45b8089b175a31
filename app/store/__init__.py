"""Storage: tables, one repository for each aggregate, and migrations. All SQL of Plumbline lives here."""
