"""Linear models as differential equations, step by step, against the engine that needs no steps.

Truth: the exact engine, which is itself held against matrix exponentials and closed forms elsewhere. Tolerances, as
parts of each output's maximum: DOP853 is promised to be within 1e-9 of it, Rodas5P within 1e-7, at the tolerance that
is the default; random bodies and tables, with rates and amounts of any size, within 1e-8 of the largest amount.
"""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_engine_identities import TEXT
from test_records_against_plain import model_of, read, scale_of, studies
from test_record_identities import GRID, MODEL, crowd_of, table

import doseline as dl
from doseline.model.read import library, load_model, read_model

pytestmark = pytest.mark.filterwarnings("ignore:.*doses with RATE = 0 are boluses")
