"""Doses taken in good spells and bad ones: a chain with two states, walked from dose to dose."""

from doseline.kernels.kernel import kernel


@kernel
def taken_in_spells(change, odds, spell, chance, taken):
    """Which doses each person takes, who is in a bad spell (0) or a good one (1) at each of them.

    ``change`` (dose, 2) is the probability that a bad, or a good, spell has turned into the other kind since the dose
    before. All begin in a bad one, before the first dose, whose ``change`` therefore says how many are in a good one
    then. ``odds`` (2,) are the probabilities of taking a dose in either. ``spell`` and ``chance`` (subject, dose) are
    independent and uniform on (0, 1); ``taken`` (subject, dose) is filled.
    """
    for subject in range(taken.shape[0]):
        state = 0
        for dose in range(taken.shape[1]):
            if spell[subject, dose] < change[dose, state]:
                state = 1 - state
            taken[subject, dose] = chance[subject, dose] < odds[state]
