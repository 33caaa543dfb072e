"""A record outside its folder: comments, registries of models, model cards, the dossier."""
