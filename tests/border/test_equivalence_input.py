"""What bioequivalence refuses, and how it says so."""

import numpy as np
import pandas as pd
import pytest

import doseline as dl
from doseline.errors import InputError


def study(*sequences: str) -> pd.DataFrame:
    """One subject for each sequence that is given, with any values."""
    rows = [
        (who, order, period, what, 50.0 + who + 3 * period + (what == "T") * who % 3)
        for who, order in enumerate(sequences, start=1)
        for period, what in enumerate(order, start=1)
    ]
    return pd.DataFrame(rows, columns=["subject", "sequence", "period", "treatment", "AUC"])


TWO = study("TR", "TR", "RT", "RT")
GROUPS = TWO[TWO["period"] == 1].drop(columns=["period", "sequence"])
AGAIN = study("TRTR", "TRTR", "RTRT", "RTRT")


def changed(table: pd.DataFrame, row: int, column: str, value: object) -> pd.DataFrame:
    return table.astype({column: object}).assign(
        **{column: [*table[column][:row], value, *table[column][row + 1 :]]}
    )


REFUSED = [
    ({"table": 3}, "table: found int, of which pandas makes no table: DataFrame constructor not properly called!\n"
     "  give a data frame, or a mapping from column names to equally long lists"),
    ({"table": TWO.rename(columns={"subject": "Subject"})},
     "table: there is no column 'subject'\n"
     "  did you mean 'Subject'? columns here: Subject, sequence, period, treatment, AUC"),
    ({"table": TWO.drop(columns="treatment")},
     "table: there is no column 'treatment'\n  columns here: subject, sequence, period, AUC"),
    ({"table": TWO.drop(columns=["period", "sequence"])},
     "table: there is no column 'period'\n  columns here: subject, treatment, AUC"),
    ({"metric": "auc"}, "metric: there is no column 'auc'\n"
     "  did you mean 'AUC'? columns here: subject, sequence, period, treatment, AUC"),
    ({"metric": ["AUC", "AUC"]},
     "metric: found ['AUC', 'AUC']\n  give names of columns, at least one, and every name once"),
    ({"metric": []}, "metric: found []\n  give names of columns, at least one, and every name once"),
    ({"reference": "X"}, "reference: unknown treatment 'X'\n  treatments here: R, T"),
    ({"table": TWO[TWO["treatment"] == "R"]},
     "table 'treatment': found only 'R'\n  give rows of a test and of the reference"),
    ({"table": TWO[:0]}, "table 'treatment': found no rows\n  give rows of a test and of the reference"),
    ({"table": changed(TWO, 2, "AUC", 0.0)}, "table 'AUC', row 2: found 0.0\n"
     "  expected a number above 0; leave out the rows in which nothing was measured"),
    ({"table": changed(TWO, 5, "AUC", np.nan)}, "table 'AUC', row 5: found nan\n"
     "  expected a number above 0; leave out the rows in which nothing was measured"),
    ({"table": TWO.assign(AUC=-1.0)}, "table 'AUC', row 0: found -1.0, and 7 more like it\n"
     "  expected a number above 0; leave out the rows in which nothing was measured"),
    ({"table": changed(TWO, 1, "AUC", "BLQ")}, "table 'AUC', row 1: found BLQ\n"
     "  expected a number above 0; leave out the rows in which nothing was measured"),
    ({"table": changed(TWO, 3, "period", None)},
     "table 'period', row 3: there is nothing\n  fill it in, or leave out the row"),
    ({"table": changed(TWO, 1, "period", 1)},
     "table, subject 1: found period 1 twice\n  give one row for each subject and period"),
    ({"table": changed(TWO, 1, "treatment", "T"), "design": "2x2"},
     "table, subject 1: found treatment 'T' twice in a 2x2 design\n"
     "  correct the row, or give design='replicate' if the treatment was taken again"),
    ({"table": changed(TWO, 1, "treatment", "T")},
     "table, subject 2: found 'R' where others of sequence TR have 'T'\n"
     "  correct the row, or leave out the column 'sequence': it is derived from the treatments"),
    ({"table": changed(TWO, 1, "sequence", "RT")},
     "table, subject 1: found the sequences TR and RT\n  give every subject one sequence"),
    ({"table": study("TR", "TR", "TR")}, "table: there is one sequence, TR\n"
     "  with a single order of treatments nobody can tell them from the periods; give at least two"),
    ({"table": study("TR", "TR", "RT")},
     "table, sequence RT: found 1 subject\n  give at least 2 subjects with all they need in every sequence"),
    ({"table": TWO[:-1]}, "table, sequence RT: found 1 subject (subject 4 has no T)\n"
     "  give at least 2 subjects with all they need in every sequence"),
    ({"table": GROUPS[:-1]},
     "table, treatment R: found 1 subject\n  give at least 2 subjects with all they need in every treatment"),
    ({"table": study("TRTR", "TRTR", "TRRT", "TRRT").drop(columns="sequence").drop(index=[2, 3])},
     "table, subject 1: the sequence cannot be derived: 2 fit what was taken\n  give a column 'sequence'"),
    ({"table": study("TT", "TT", "RR", "RR")}, "table: nothing tells the treatments from the periods\n"
     "  subjects have to take both treatments, and not all of them in the same order"),
    ({"table": study("TR", "TR", "TR", "TR").assign(sequence=list("aaaabbbb"))},
     "table: nothing tells the treatments from the periods\n"
     "  subjects have to take both treatments, and not all of them in the same order"),
    ({"table": TWO.assign(dose=1).rename(columns={"dose": "AUC"})},
     "table: found two columns 'AUC'\n  give every column a name of its own"),
    ({"design": "3x3"}, "design: found '3x3'\n  there are: parallel, 2x2, crossover, replicate"),
    ({"design": "replicate"},
     "design: found 'replicate', and the table has 2 treatments, 2 periods and 2 rows for each subject\n"
     "  leave it out, or give '2x2': every subject takes both treatments, in either order"),
    ({"design": "parallel"},
     "design: found 'parallel', and the table has 2 treatments, 2 periods and 2 rows for each subject\n"
     "  leave it out, or give '2x2': every subject takes both treatments, in either order"),
    ({"scaled": "EMA"}, "scaled: found 'EMA' with a 2x2 design in which too few take R more than once\n"
     "  scaling needs the variability of the reference: leave it out"),
    ({"table": GROUPS, "scaled": "FDA"},
     "scaled: found 'FDA' with a parallel design in which too few take R more than once\n"
     "  scaling needs the variability of the reference: leave it out"),
    ({"table": AGAIN, "reference": "R", "scaled": "ema"},
     "scaled: found 'ema'\n  did you mean 'EMA'? there are: EMA, FDA"),
    ({"table": study("TTR", "TTR", "RTT", "RTT"), "scaled": "EMA"},
     "scaled: found 'EMA' with a replicate design in which too few take R more than once\n"
     "  scaling needs the variability of the reference: leave it out"),
    ({"table": AGAIN[:-1], "scaled": "FDA"}, "scaled: too few subjects have all periods of their sequence\n"
     "  the FDA's differences within subjects need 2 in each sequence, with the reference taken twice"),
    ({"table": AGAIN, "scaled": "EMA", "limits": (0.9, 1.1)},
     "limits: found (0.9, 1.1) with scaled='EMA'\n  scaling has limits of its own: leave them out"),
    ({"limits": (80, 125)},
     "limits: found (80, 125)\n  expected one limit below 1 and one above, such as (0.8, 1.25)"),
    ({"limits": 0.8}, "limits: found 0.8\n  expected one limit below 1 and one above, such as (0.8, 1.25)"),
    ({"alpha": 0.5}, "alpha: found 0.5\n  expected more than 0 and less than 0.5, such as 0.05"),
    ({"alpha": 0}, "alpha: found 0\n  expected more than 0 and less than 0.5, such as 0.05"),
    ({"alpha": np.nan}, "alpha: found nan\n  expected more than 0 and less than 0.5, such as 0.05"),
    ({"pooled": True},
     "pooled: found True with a 2x2 design\n  it is for parallel groups: leave it out"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "text"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused(given, text):
    told = {"table": TWO, "metric": "AUC", "reference": "R"} | given
    with pytest.raises(InputError) as caught:
        dl.equivalence(told.pop("table"), **told)
    assert str(caught.value) == text


def test_designs_are_recognised():
    """From who took what: nobody has to say it."""
    for table, design in (
        (TWO, "2x2"),
        (GROUPS, "parallel"),
        (AGAIN, "replicate"),
        (study(*["ABR", "BRA", "RAB"] * 2), "crossover"),
    ):
        assert dl.equivalence(table, metric="AUC", reference="R").attrs["design"] == design
        assert dl.equivalence(table, metric="AUC", reference="R", design=design).attrs["design"] == design


def test_labels_of_any_kind():
    """Treatments that are numbers or words, periods that are words, a table that is a mapping."""
    words = TWO.drop(columns="sequence").assign(
        treatment=TWO["treatment"].map({"T": "fed", "R": "fasted"}),
        period=TWO["period"].map({1: "first", 2: "second"}),
    )
    found = dl.equivalence(words.to_dict("list"), metric="AUC", reference="fasted")
    assert found["sequence"].values.tolist() == ["fasted fed", "fed fasted"]
    assert found["treatment"].item() == "fed"
    numbers = TWO.assign(
        treatment=TWO["treatment"].map({"T": 2, "R": 1}), sequence=TWO["sequence"].map({"TR": 1, "RT": 2})
    )
    same = dl.equivalence(numbers, metric="AUC", reference=1)
    assert same["GMR"].values.tolist() == found["GMR"].values.tolist()


def test_values_without_any_residual_variance():
    """A simulation without variability within subjects: an interval without width, and no warning."""
    table = study("TR", "TR", "RT", "RT").assign(
        AUC=lambda rows: np.where(rows["treatment"] == "T", 2.0, 2.0)
    )
    found = dl.equivalence(table, metric="AUC", reference="R")
    assert found[["GMR", "GMR_lower", "GMR_upper"]].to_array().values.tolist() == [[1], [1], [1]]
    assert found["equivalent"].item()
    assert (found["p_lower"].item(), found["p_upper"].item()) == (0, 0)


def test_a_result_goes_into_a_file(tmp_path):
    found = dl.equivalence(TWO, metric="AUC", reference="R")
    found.to_netcdf(tmp_path / "found.nc")
    import xarray as xr

    assert xr.load_dataset(tmp_path / "found.nc").identical(found)
    power = dl.equivalence_power("2x2", n=[12, 24], cv=0.2, runs=1000)
    power.to_netcdf(tmp_path / "power.nc")
    assert xr.load_dataset(tmp_path / "power.nc")["power"].equals(power["power"])


PLANS_REFUSED = [
    ({"design": "2x2x2"}, "design: found '2x2x2'\n  did you mean '2x2x4'? "
     "there are: parallel, 2x2, 2x2x3, 2x2x4, 2x3x3"),
    ({"n": 3}, "n: found 3\n  2x2 needs a whole number of at least 4: 2 in every sequence"),
    ({"n": 12.5}, "n: found 12.5\n  2x2 needs a whole number of at least 4: 2 in every sequence"),
    ({"n": [24, 2], "design": "parallel"},
     "n: found 2\n  parallel needs a whole number of at least 4: 2 in every group"),
    ({"cv": 30}, "cv: found 30\n  expected a fraction, such as 0.3 for 30 %"),
    ({"cv": 0}, "cv: found 0\n  expected a number above 0, or a list of them"),
    ({"cv": "30 %"}, "cv: found '30 %'\n  expected a number above 0, or a list of them"),
    ({"cv_reference": -1}, "cv_reference: found -1\n  expected a number above 0, or a list of them"),
    ({"gmr": []}, "gmr: found []\n  expected a number above 0, or a list of them"),
    ({"scaled": "EMA"}, "scaled: found 'EMA' with a 2x2 design, in which nobody takes the reference twice\n"
     "  plan one of: 2x2x3, 2x2x4, 2x3x3"),
    ({"pooled": True}, "pooled: found True with a 2x2 design\n  it is for parallel groups: leave it out"),
    ({"runs": 10}, "runs: found 10\n  give a whole number from 100 on"),
    ({"seed": -1}, "seed: found -1 (int)\n"
     "  give a whole number from 0 on, such as 7: the same one gives the same draws"),
    ({"alpha": 1}, "alpha: found 1\n  expected more than 0 and less than 0.5, such as 0.05"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "text"), PLANS_REFUSED, ids=range(len(PLANS_REFUSED)))
def test_what_power_refuses(given, text):
    told = {"design": "2x2", "n": 24, "cv": 0.3} | given
    with pytest.raises(InputError) as caught:
        dl.equivalence_power(told.pop("design"), **told)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"target": 80}, "target: found 80\n  expected more than 0 and less than 1, such as 0.8"),
        (
            {"gmr": 0.7},
            "gmr: found 0.7, which is not between the limits 0.8 and 1.25\n"
            "  such treatments are not equivalent, and no study is to show that they are",
        ),
        (
            {"gmr": 0.81, "cv": 1.0},
            "target: a power of 0.8 takes more than 5000 subjects at a CV of 1 and a ratio of 0.81\n"
            "  take a design with replicates, a lower target, or a ratio nearer to 1",
        ),
    ],
)
def test_what_subjects_refuse(given, text):
    with pytest.raises(InputError) as caught:
        dl.equivalence_subjects("2x2", **({"cv": 0.3, "runs": 500} | given))
    assert str(caught.value) == text
