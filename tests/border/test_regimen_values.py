"""What a wrong value says where doses, blocks and regimens are built or used from Python.

Truth: place, value found, and what to give instead.
"""

import pytest

from doseline.dosing.regimen import Block, Dose, Regimen, Target, regimen
from doseline.errors import InputError, UnitError

REFUSED = [
    (lambda: regimen(40), InputError,
     "regimen: 40 is neither text nor a Regimen\n  give a text such as '40 mg twice daily for 20 weeks'"),
    (lambda: Dose(0), InputError, "dose amount: found 0\n  give a finite number above 0"),
    (lambda: Dose(float("nan")), InputError, "dose amount: found nan\n  give a finite number above 0"),
    (lambda: Dose(float("inf")), InputError, "dose amount: found inf\n  give a finite number above 0"),
    (lambda: Dose(-1), InputError, "dose amount: found -1\n  give a finite number above 0"),
    (lambda: Dose("40 mg"), InputError, "dose amount: found '40 mg'\n  give a finite number above 0"),
    (lambda: Dose(1, "mL"), UnitError,
     "dose unit: 'mL' is not a unit of mass\n"
     "  give one of ng, ug, µg, μg, mcg, mg, g; 'per' holds the body size, as in per='WT'"),
    (lambda: Dose(1, per="kg"), InputError,
     "dose: per is 'kg'\n  give per=None, 'WT' (per kg) or 'BSA' (per m2)"),
    (lambda: Dose(1, meal="with food"), InputError,
     "dose: meal is 'with food'\n  a meal is one word, such as 'fed'"),
    (lambda: Dose(1, duration=0), InputError, "dose duration: found 0\n  give a finite number above 0"),
    (lambda: Target(0), InputError, "target amount: found 0\n  give a finite number above 0"),
    (lambda: Block(-1, ((0, Dose(1)),), 24, 1), InputError,
     "block start: found -1\n  give a finite number from 0 on"),
    (lambda: Block(0, ((0, Dose(1)),), 0, 1), InputError,
     "block period: found 0\n  give a finite number above 0"),
    (lambda: Block(0, ((0, Dose(1)),), 24, 0), InputError,
     "block repeats: found 0\n  give a finite number from 1 on"),
    (lambda: Block(0, ((24, Dose(1)),), 24, 1), InputError,
     "block: the pattern has offsets up to 24 h\n  give offsets from 0 to below 24 h"),
    (lambda: Block(0, (), 24, 1), InputError,
     "block: the pattern has no dose\n  give offsets from 0 to below 24 h"),
    (lambda: Regimen((), 24), InputError, "regimen: there is no dose\n  give at least one block"),
    (lambda: Regimen((Block(0, ((0, Dose(1)),), 24, 3),), 24), InputError,
     "regimen length: found 24\n  give a finite number from 48 on"),
    (lambda: regimen("1 mg once").repeat(0), InputError, "repeat: found 0\n  give a finite number from 1 on"),
    (lambda: regimen("1 mg once").repeat(1.5), InputError, "repeat: found 1.5\n  give a whole number"),
    (lambda: regimen("1 mg daily x 9").repeat(10**6), InputError,
     "repeat: 9,000,000 doses\n  at most 5,000,000 doses are allowed"),
    (lambda: regimen("1 mg once").delayed(-2), InputError,
     "delayed: found -2\n  give a finite number from 0 on"),
    (lambda: regimen("20 mg daily until 9 mg/kg").then("1 mg once"), InputError,
     "then: 'until 9 mg/kg' ends on a different day for each subject\n"
     "  give doses and target both per kg or both in mg, or end with 'for 20 weeks' or 'x 14'"),
    (lambda: regimen("1 mg/kg once").preview(), InputError,
     "preview: 1 mg/kg cannot be turned into mg: WT is missing\n  give WT [kg], as in WT=62"),
    (lambda: regimen("1 mg/m2 once").total(WT=[62]), InputError,
     "total: 1 mg/m2 cannot be turned into mg: BSA is missing\n  give BSA [m2], as in BSA=1.7"),
    (lambda: regimen("1 mg/kg once").total(WT=[62, -1]), InputError,
     "total: WT is -1 kg\n  WT must be a finite number above 0 [kg]"),
    (lambda: regimen("1 mg daily until 1 mg/kg").doses_taken(), InputError,
     "doses_taken: 1 mg/kg cannot be turned into mg: WT is missing\n  give WT [kg], as in WT=62"),
    (lambda: regimen("1 mg/kg once").preview(WT=[40, 50]), InputError,
     "preview: more than one subject was given\n  a preview shows one, as in WT=62"),
    (lambda: Regimen.from_dict({"text": "80 mg once"}), InputError,
     "from_dict: not a regimen written by to_dict: KeyError('blocks')\n  pass on what to_dict returned"),
]  # fmt: skip


@pytest.mark.parametrize(("act", "kind", "message"), REFUSED, ids=[row[2].splitlines()[0] for row in REFUSED])
def test_values_from_python(act, kind, message):
    with pytest.raises(kind) as caught:
        act()
    assert str(caught.value) == message
