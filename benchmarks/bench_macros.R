# R's side of bench_macros.py: the same rows, read from binary files, timed without the reading.
# Rscript bench_macros.R FOLDER REPEATS -> FOLDER/times.csv, FOLDER/curve.csv, FOLDER/test.csv
suppressMessages(library(survival))
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]
repeats <- as.integer(arguments[2])
path <- function(name) file.path(folder, name)
column <- function(name) readBin(path(name), "integer", file.size(path(name)) / 4)
id <- column("id")
start <- as.numeric(column("tstart"))
stop <- as.numeric(column("tstop"))
event <- column("event")
group <- column("group_label")

timed <- function(work) median(replicate(repeats, system.time(work())[["elapsed"]]))
curve <- NULL
times <- c(
  simon_makuch = timed(function() curve <<- survfit(Surv(start, stop, event) ~ group)),
  # Told of the subjects, as the macro is; its n.censor (survival 3.5.3) is neither subjects nor rows, so not compared.
  simon_makuch_by_id = timed(function() survfit(Surv(start, stop, event) ~ group, id = id)),
  # The score test at beta = 0; Breslow's handling of ties is the quickest that R offers.
  mantel_byar = timed(function() coxph(Surv(start, stop, event) ~ group, ties = "breslow", init = 0, iter.max = 0))
)
write.csv(data.frame(name = names(times), seconds = times), path("times.csv"), row.names = FALSE)
write.csv(
  data.frame(
    group = rep(c(0, 1), curve$strata), time = curve$time, n_risk = curve$n.risk, n_event = curve$n.event,
    n_censor = curve$n.censor, survival = curve$surv, std_err = curve$surv * curve$std.err
  ),
  path("curve.csv"), row.names = FALSE
)

# Observed, expected and the hypergeometric variance from their definition, on whole days.
days <- max(stop)
per_day <- function(chosen, when) tabulate(when[chosen], days)
at_risk <- function(chosen) {
  sum(chosen & start == 0) + cumsum(per_day(chosen & start > 0, start) - per_day(chosen, stop)) -
    (per_day(chosen & start > 0, start) - per_day(chosen, stop))
}
n <- as.numeric(at_risk(rep(TRUE, length(group))))
n1 <- as.numeric(at_risk(group == 1))
d <- as.numeric(per_day(event == 1, stop))
used <- d > 0
n <- n[used]; n1 <- n1[used]; d <- d[used]
write.csv(
  data.frame(
    observed = sum(event[group == 1]), expected = sum(d * n1 / n),
    variance = sum(ifelse(n > 1, d * (n1 / n) * (1 - n1 / n) * (n - d) / (n - 1), 0))
  ),
  path("test.csv"), row.names = FALSE
)
