"""The models of the conformance scenarios as model files, written from the ODEs that each json gives."""

FLOWS = {
    "1cmt_iv": {"CENT -> out": "CL / V"},
    "1cmt_oral": {"GUT -> CENT": "KA", "CENT -> out": "CL / V"},
    "2cmt_iv": {"CENT -> out": "CL / V1", "CENT -> PERI": "Q / V1", "PERI -> CENT": "Q / V2"},
    "2cmt_oral": {
        "GUT -> CENT": "KA",
        "CENT -> out": "CL / V2",
        "CENT -> PERI": "Q / V2",
        "PERI -> CENT": "Q / V3",
    },
    "1cmt_oral_mm": {"GUT -> CENT": "KA", "CENT -> out": "VMAX / V / (KM + CENT / V)"},
    "irm1": {"GUT -> CENT": "KA", "CENT -> out": "CL / V"},
}
FLOWS["1cmt_oral_ode"] = FLOWS["1cmt_oral_wt"] = FLOWS["1cmt_oral"]
FLOWS["1cmt_iv_wt"] = FLOWS["1cmt_iv"]

INDIVIDUAL = {
    name: {"CL": "TVCL * (WT / WT70) ** P75", "V": "TVV * (WT / WT70)"}
    for name in ("1cmt_iv_wt", "1cmt_oral_wt")
}

RATES = {"irm1": {"RESP": "KIN * (1 - IMAX * CENT / V / (IC50 + CENT / V)) - KOUT * RESP"}}
"""What is not a flow from one compartment to another."""
INITIAL = {"irm1": {"RESP": "KIN / KOUT"}}

UNITS = {
    "1/h": ("KA", "KOUT"),
    "L/h": ("CL", "TVCL", "Q"),
    "L": ("V", "V1", "V2", "V3", "TVV"),
    "mg/h": ("VMAX", "KIN", "R1", "R2"),
    "mg/L": ("KM", "IC50"),
    "h": ("ALAG1", "ALAG2", "D1", "D2"),
    "1": ("F1", "F2", "IMAX", "P75"),
    "kg": ("WT70",),
}
UNIT = {name: unit for unit, names in UNITS.items() for name in names}

COVARIATES = {
    "WT": 'WT = { unit = "kg", reference = 70, label = "body weight" }',
    "F1": 'F1 = { unit = "1", reference = 1, label = "bioavailability, record by record" }',
}
STANDARD = {"WT70": 70.0, "P75": 0.75}
"""What the ODEs of the models with WT write as plain numbers."""
ROUTE = {"bioavailability": "F", "lag": "ALAG", "duration": "D", "rate": "R"}
"""Keys of a route, and the parameter that stands for it with the number of the compartment behind."""


def compartments(told):
    """Their names in the order of CMT."""
    names = told["model"]["compartments"]
    return [names] if isinstance(names, str) else names


def model_text(told, columns):
    """The model file of a scenario: ``told`` is its json, ``columns`` those of its table."""
    name = told["model"]["name"]
    covariates = [column for column in columns if column in COVARIATES]
    params = told["params"] | (STANDARD if name in INDIVIDUAL else {})
    known = [*params, *covariates]
    volume = told["model"]["output"].split("/")[1]
    lines = [
        f'name = "{told["id"]}"\ntitle = "{told["title"]}"\nversion = "1"\n[source]\ncitation = "conformance data"',
        "[covariates]",
        *(COVARIATES[column] for column in covariates),
        "[parameters]",
        *(
            f'{key} = {{ value = {value}, unit = "{UNIT[key]}", label = "{key}", '
            'source = "conformance data", status = "assumption" }'
            for key, value in params.items()
        ),
        *section("individual", INDIVIDUAL.get(name, {})),
        "[compartments]",
        *(f'{each} = {{ unit = "mg", label = "{each}" }}' for each in compartments(told)),
        *section("flows", FLOWS[name]),
        *section("rates", RATES.get(name, {})),
        *section("initial", INITIAL.get(name, {})),
    ]
    for number, each in enumerate(compartments(told), start=1):
        given = {key: f"{letter}{number}" for key, letter in ROUTE.items() if f"{letter}{number}" in known}
        lines += section(f"routes.c{number}", {"label": f"into CMT {number}", "into": each} | given)
    lines += ["[outputs]", f'CP = {{ value = "CENT / {volume}", unit = "mg/L", label = "CP" }}']
    for number, each in enumerate(compartments(told), start=1):
        lines += [f'A{number} = {{ value = "{each}", unit = "mg", label = "{each}" }}']
    return "\n".join(lines)


def section(name, entries):
    return [f"[{name}]", *(f'"{key}" = "{value}"' for key, value in entries.items())] if entries else []
