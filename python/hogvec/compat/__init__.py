"""Modules that take the code of other libraries' users: change the import and keep the rest."""
