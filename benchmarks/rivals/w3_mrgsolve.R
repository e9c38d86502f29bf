# W3 with mrgsolve, in one process. Prints seconds, and the last plasma level of the first subject.
suppressMessages(library(mrgsolve))
n <- as.integer(commandArgs(trailingOnly = TRUE)[1])
code <- "
$PARAM V2 = 50
$CMT GUT CENT PERI MET RESP
$MAIN RESP_0 = 100;
$ODE
double CP = CENT / V2;
double EL = 30 * CP / (5 + CP);
dxdt_GUT = -GUT;
dxdt_CENT = GUT - EL - 10 / V2 * CENT + 0.1 * PERI;
dxdt_PERI = 10 / V2 * CENT - 0.1 * PERI;
dxdt_MET = EL - 0.2 * MET;
dxdt_RESP = 10 * (1 - 0.9 * CP / (0.5 + CP)) - 0.1 * RESP;
$TABLE capture PLASMA = CENT / V2;
"
model <- mcode("w3", code, quiet = TRUE)
model <- update(model, rtol = 1e-8, atol = 1e-10, maxsteps = 100000)
people <- data.frame(ID = seq_len(n), V2 = 50 * seq(40, 120, length.out = n) / 70)
doses <- ev(amt = 100, ii = 12, addl = 55)
run <- function() mrgsim_ei(model, doses, people, end = 672, delta = 1, output = "df")
found <- run()
times <- sapply(1:3, function(i) system.time(run())[["elapsed"]])
first <- found[found$ID == 1, ]
cat(min(times), format(first$PLASMA[nrow(first)], digits = 15), "\n")
