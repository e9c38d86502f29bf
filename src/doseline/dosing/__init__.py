"""Who takes what, when: doses, regimens and the text they are written in."""
