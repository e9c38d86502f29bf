"""What makes entries a model: names that exist, units that fit, lines in an order that works, meals that act."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from keyword import iskeyword

from doseline.errors import DoselineError, did_you_mean
from doseline.model.algebra import PLAIN
from doseline.model.checks import METRICS, Check
from doseline.model.entries import Formulation, Meal
from doseline.model.expression import Expression, ExpressionError
from doseline.model.linear import linear_form
from doseline.model.order import in_circles, in_words
from doseline.model.sections import OUT, Draft, quoted
from doseline.model.tree import BUILT_IN, FUNCTIONS
from doseline.model.validate_variability import validate_variability
from doseline.units import Dimension, dimension, read_quantity

RESERVED = (
    *(
        "time",
        "subject",
        "replicate",
        "quantile",
        "regimen",
        "meal",
        "formulation",
        "route",
        "dose",
        "interval",
    ),
    *("status", "method", "stiff_since", "steps", "total_dose", "doses_taken", "dose_time", "course_end"),
    *("doses_planned", "dose_taken", "dose_taken_at", "dose_meal", "taken", "meal_taken"),
)
"""Names that results use for themselves."""

STILL: Mapping[str, str] = {
    "individual": "is worked out once for each subject, before anything moves",
    "initial": "is what there is before anything moves",
    "routes": "says what happens to a dose before it enters",
}
"""Sections without names that change in time, and why."""

MOST_UNKNOWN = 5
"""Unknown names of one expression that are told."""


def validate(draft: Draft) -> None:
    """Write every mistake that shows only between entries into the draft."""
    _Validator(draft).run()


class _Validator:
    """One pass over a draft. A kind of None is unknown because of a mistake already told."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.complain = draft.complain
        self.kinds: dict[str, Dimension | None] = dict.fromkeys(draft.known("parameters", "covariates"))
        self.kinds.update({name: dimension(each.unit) for name, each in draft.covariates.items()})
        self.kinds.update({name: dimension(each.unit) for name, each in draft.parameters.items()})
        self.amounts: dict[str, Dimension | None] = dict.fromkeys(draft.known("compartments"))
        self.amounts.update({name: dimension(entry.unit) for name, entry in draft.compartments.items()})
        self.changing: dict[str, Dimension | None] = {}  # [variables] as far as they have been checked
        self.circles: dict[str, dict[str, list[str]]] = {}  # section: its lines that need each other
        self.told: set[str] = set()  # lines of the circles that have been told
        # which typical parameters each name depends on, through [individual] and [variables]
        self.origins = {name: frozenset([name]) for name in draft.known("parameters")}

    def run(self) -> None:
        """Check in the order of the file, so that later sections see what earlier ones define."""
        self.names()
        self.individual()
        acting = self.variables() | self.flows() | self.rates() | self.initial() | self.outputs()
        routed = self.routes()
        self.meals(routed, acting)
        validate_variability(self.draft, acting=acting | routed, origins=self.origins)
        for section, check in self.draft.checks:
            self.check(section, check)
        if not self.draft.problems:
            self.ends()

    def names(self) -> None:
        """One name, one meaning."""
        owners: dict[str, str] = {}
        for section in ("parameters", "covariates", "compartments", "individual", "variables"):
            for name in self.draft.known(section):
                owner = owners.get(name)
                replaced = section == "individual" and owner == "parameters"
                if owner is not None and not replaced:
                    self.complain(
                        f"{section}.{name}", f"'{name}' also stands in [{owner}]", "choose another name"
                    )
                owners.setdefault(name, section)
        owners |= {name: "outputs" for name in self.draft.known("outputs") if name not in owners}
        for name, owner in owners.items():
            if name in FUNCTIONS or name in BUILT_IN or iskeyword(name):
                self.complain(
                    f"{owner}.{name}", f"'{name}' has a meaning in expressions", "choose another name"
                )
            if name == OUT:
                self.complain(f"{owner}.{OUT}", f"'{OUT}' means leaving the body", "choose another name")
        outputs = self.draft.known("outputs")
        for name in outputs:
            if name.removesuffix("_jumps") != name and name.removesuffix("_jumps") in outputs:
                self.complain(f"outputs.{name}", "results use this name", "choose another name")
        for section in ("covariates", "outputs"):
            for name in [name for name in self.draft.known(section) if name not in BUILT_IN]:
                if name in RESERVED or (section == "outputs" and name in self.draft.known("covariates")):
                    taken = "results use this name" if name in RESERVED else "also a covariate"
                    self.complain(f"{section}.{name}", f"'{name}': {taken}", "choose another name")

    def kind(
        self, expression: Expression, section: str, kinds: Mapping[str, Dimension | None], *, key: str = ""
    ) -> Dimension | None:
        """Kind of an expression; complains about unknown names and units that do not fit."""
        told = f"{key}: " if key else ""
        unknown = [name for name in expression.names if name not in kinds]
        for name in unknown[:MOST_UNKNOWN]:
            self.unknown(name, section, told, kinds)
        sure = {name: kind for name, kind in kinds.items() if kind is not None}
        if unknown or any(name not in sure for name in expression.names):
            return None
        try:
            return expression.kind(sure)
        except ExpressionError as error:
            self.complain(section, f"{told}{error.problem}", error.advice)
            return None

    def unknown(self, name: str, section: str, told: str, kinds: Mapping[str, Dimension | None]) -> None:
        """Say why a name means nothing where it stands, and what to do; a circle is told once."""
        inside, _, line = section.partition(".")
        moving = name in self.amounts or name in BUILT_IN or name in self.draft.known("variables")
        if inside in STILL and moving:
            return self.complain(
                section,
                f"{told}'{name}' changes in time, and [{inside}] {STILL[inside]}",
                "what changes in time may stand in [variables], [flows], [rates] and [outputs]",
            )
        turn = self.circle(inside, line, name)
        if turn and self.told.issuperset(turn):
            return None
        if turn:
            self.told.update(turn)
            return self.complain(
                section, f"circular: {in_words(turn)}", "write one of them without the others"
            )
        later = any(name in self.draft.known(each) for each in ("individual", "variables"))
        advice = f"'{name}' is set further down: move it up" if later else did_you_mean(name, kinds)
        return self.complain(section, f"{told}unknown name '{name}'", advice)

    def circle(self, section: str, line: str, name: str) -> list[str]:
        """Give the lines of a section that need each other, if both names are among them."""
        if section not in ("individual", "variables"):
            return []
        if section not in self.circles:
            given = {*self.draft.known("parameters", "covariates"), *self.amounts}
            lines: dict[str, Expression] = getattr(self.draft, section)
            self.circles[section] = in_circles(
                {key: [name for name in each.names if name not in given] for key, each in lines.items()}
            )
        way = self.circles[section].get(line, [])
        return way if name in way else []

    def everything(self) -> dict[str, Dimension | None]:
        """Kinds of all that may stand where things change in time."""
        built_in = {name: dimension(unit) for name, unit in BUILT_IN.items()}
        return self.kinds | self.amounts | self.changing | built_in

    def is_kind(self, found: Dimension | None, wanted: Dimension, section: str, told: str) -> None:
        """Complain where a kind is not the wanted one."""
        if found is not None and found != wanted:
            self.complain(section, f"{told} is {found.words}", f"expected {wanted.words}")

    def reach(self, expression: Expression) -> frozenset[str]:
        """Typical parameters that an expression depends on."""
        return frozenset[str]().union(*(self.origins.get(name, frozenset()) for name in expression.names))

    def individual(self) -> None:
        """Walk through [individual] from top to bottom; what replaces a parameter keeps its kind."""
        for name in self.draft.broken.get("individual", ()):
            self.kinds.setdefault(name, None)
        for name, expression in self.draft.individual.items():
            section = f"individual.{name}"
            found = self.kind(expression, section, self.kinds)
            typical = self.draft.parameters.get(name)
            if typical is not None:
                self.is_kind(found, dimension(typical.unit), section, f"'{expression}'")
            self.origins[name] = self.reach(expression)
            self.kinds[name] = dimension(typical.unit) if typical is not None else found

    def variables(self) -> frozenset[str]:
        """Walk through [variables] from top to bottom. Gives the parameters they depend on."""
        acting = frozenset[str]()
        for name in self.draft.broken.get("variables", ()):
            self.changing.setdefault(name, None)
        for name, expression in self.draft.variables.items():
            found = self.kind(expression, f"variables.{name}", self.everything())
            self.origins[name] = self.reach(expression)
            self.changing[name] = found
            acting |= self.origins[name]
        return acting

    def rates(self) -> frozenset[str]:
        """Rates of known compartments, in what these count per time. Gives the parameters they depend on."""
        hours, acting = dimension("h"), frozenset[str]()
        for name, expression in self.draft.rates.items():
            section = f"rates.{name}"
            self.known([name], "compartments", section, "compartment")
            found = self.kind(expression, section, self.everything())
            counted = self.amounts.get(name)
            if counted is not None and expression.text != "0":
                self.is_kind(found, counted / hours, section, f"'{expression}'")
            acting |= self.reach(expression)
        return acting

    def flows(self) -> frozenset[str]:
        """Flows join known compartments, at rates in 1/time. Gives the parameters they depend on."""
        per_time, seen, acting = dimension("1/h"), set[tuple[str, str | None]](), frozenset[str]()
        for key, flow in self.draft.flows.items():
            section = f"flows.{quoted(key)}"
            ends = [flow.source] if flow.target is None else [flow.source, flow.target]
            self.known(ends, "compartments", section, "compartment")
            if len({self.amounts[end] for end in ends if self.amounts.get(end) is not None}) > 1:
                self.complain(
                    section, "the two compartments count different kinds", "give both the same unit"
                )
            if flow.source == flow.target:
                self.complain(section, "from a compartment into itself", "remove it")
            if (flow.source, flow.target) in seen:
                self.complain(section, "this flow stands here twice", "add the two rates")
            seen.add((flow.source, flow.target))
            found = self.kind(flow.rate, section, self.everything())
            self.is_kind(found, per_time, section, f"the rate '{flow.rate}'")
            acting |= self.reach(flow.rate)
        return acting

    def initial(self) -> frozenset[str]:
        """Initial conditions are amounts of known compartments. Gives the parameters they depend on."""
        acting = frozenset[str]()
        self.known(self.draft.initial, "compartments", "initial", "compartment")
        for name, expression in self.draft.initial.items():
            found = self.kind(expression, f"initial.{name}", self.kinds)
            wanted = self.amounts.get(name)
            if wanted is not None and expression.text != "0":
                self.is_kind(found, wanted, f"initial.{name}", f"'{expression}'")
            acting |= self.reach(expression)
        return acting

    def outputs(self) -> frozenset[str]:
        """Outputs have the unit they say. Gives the parameters they depend on."""
        acting = frozenset[str]()
        for name, output in self.draft.outputs.items():
            section = f"outputs.{name}"
            found = self.kind(output.value, section, self.everything())
            self.is_kind(found, dimension(output.unit), section, f"'{output.value}'")
            acting |= self.reach(output.value)
        return acting

    def routes(self) -> frozenset[str]:
        """Routes enter a compartment that counts mass. Gives the parameters they depend on."""
        hours = dimension("h")
        wanted = {"bioavailability": PLAIN, "lag": hours, "duration": hours, "rate": dimension("mg/h")}
        acting = frozenset[str]()
        for name, route in self.draft.routes.items():
            section = f"routes.{name}"
            self.into(route.into, section)
            for key, kind in wanted.items():
                expression: Expression | None = getattr(route, key)
                if expression is not None:
                    found = self.kind(expression, section, self.kinds, key=key)
                    self.is_kind(found, kind, section, f"{key} = '{expression}'")
                    acting |= self.reach(expression)
        return acting

    def into(self, compartment: str, section: str) -> None:
        """Doses are masses, so the compartment they enter counts mass."""
        self.known([compartment], "compartments", section, "compartment")
        kind = self.amounts.get(compartment)
        if kind is not None and kind != dimension("mg"):
            self.complain(
                section, f"into = '{compartment}' counts {kind.words}", "doses are masses: expected mass"
            )

    def known(self, names: Iterable[str | None], sections: str, section: str, what: str) -> None:
        """Complain about names that a section of the file does not have."""
        known = self.draft.known(sections)
        for name in names:
            if name is not None and name not in known:
                self.complain(section, f"unknown {what} '{name}'", did_you_mean(name, known, f"{what}s"))

    def meals(self, routed: frozenset[str], acting: frozenset[str]) -> None:
        """A meal changes what happens before the body: parameters that reach a route and nothing else."""
        for form, formulation in self.draft.formulations.items():
            for name, meal in formulation.meals.items():
                self.meal(meal, f"formulations.{form}.meals.{name}", routed, acting)

    def meal(self, meal: Meal, section: str, routed: frozenset[str], acting: frozenset[str]) -> None:
        """Check what one meal changes."""
        if meal.into is not None:
            self.into(meal.into, section)
        for name, override in meal.overrides.items():
            typical = self.draft.parameters.get(name)
            if typical is not None:
                found = dimension(override.unit)
                self.is_kind(found, dimension(typical.unit), f"{section}.{name}", f"'{override.unit}'")
            if name in acting:
                self.complain(
                    f"{section}.{name}",
                    f"'{name}' acts in the body (a flow, a rate or an output), where doses of several meals mix",
                    "let the dose enter a compartment of its own: into = ..., with a flow of its own",
                )
            elif name not in routed and self.draft.routes and not self.draft.broken.get("routes"):
                self.complain(
                    f"{section}.{name}",
                    f"'{name}' reaches no route, so the meal would change nothing",
                    "use it in the bioavailability, lag, duration or rate of a route",
                )

    def check(self, section: str, check: Check) -> None:
        """A check asks for what the file has, in a unit the metric can have."""
        formulation, meal, output = check.formulation, check.meal, check.output
        self.conditions(section, formulation, meal, output, check.covariates)
        if check.per is not None:
            per = check.per
            self.conditions(
                section,
                per.formulation or formulation,
                per.meal or meal,
                per.output or output,
                per.covariates or {},
            )
        entry = self.draft.outputs.get(output)
        if entry is not None:
            wanted = check.kind_of_metric(dimension(entry.unit))
            self.is_kind(dimension(check.unit), wanted, section, f"unit = '{check.unit}'")

    def ends(self) -> None:
        """Only linear models fall exponentially in the end, so that checks can ask for half-lives and whole areas."""
        draft = self.draft
        asked = [
            (section, check.metric) for section, check in draft.checks if METRICS[check.metric].looks == "end"
        ]
        flows = tuple(draft.flows.values())
        if (
            asked
            and linear_form(draft.compartments, draft.variables, flows, draft.rates, draft.outputs) is None
        ):
            for section, metric in asked:
                self.complain(
                    section,
                    f"the model is not linear, so it has no {metric}",
                    "ask for AUCtau with a long last interval, as in '100 mg every 1000 h x 1', or for a level",
                )

    def conditions(
        self,
        section: str,
        formulation: str | None,
        meal: str | None,
        output: str,
        covariates: Mapping[str, float | str],
    ) -> None:
        """Formulation, meal, output and covariates of a check exist; covariates have their unit."""
        self.known([formulation], "formulations", section, "formulation")
        self.known([output], "outputs", section, "output")
        self.known(covariates, "covariates", section, "covariate")
        chosen = formulation or next(iter(self.draft.known("formulations")), None)
        entry: Formulation | None = self.draft.formulations.get(chosen or "")
        if meal is not None and (entry is not None or chosen is None):
            meals = entry.meals if entry is not None else {}
            if meal not in meals:
                self.complain(
                    section, f"unknown meal '{meal}'", did_you_mean(meal, meals, f"meals of {chosen}")
                )
        for name, value in covariates.items():
            covariate = self.draft.covariates.get(name)
            try:
                if covariate is not None:
                    read_quantity(value, covariate.unit)
            except DoselineError as error:
                self.complain(section, f"{name}: {error.problem}", error.advice)
