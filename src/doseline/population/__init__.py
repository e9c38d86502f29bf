"""Who takes part: covariates of the subjects."""
