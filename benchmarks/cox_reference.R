# Fits a Cox model to columns written by survival_data.write_columns and prints one line of JSON.
# usage: Rscript cox_reference.R FOLDER ROWS REPEATS COVARIATES(comma) STRATA(comma or -) CLUSTER(or -) TIES
# Reading is not timed. REPEATS fits with R's own settings are timed one by one; with REPEATS 0, one is made that
# goes on to 1e-11 (R's default stops at a relative change of 1e-9 of the log-likelihood, which for many
# rows leaves errors of 1e-7 in the coefficients) and is not timed.
suppressPackageStartupMessages({ library(survival); library(jsonlite) })
given <- commandArgs(trailingOnly = TRUE)
folder <- given[1]; n <- as.integer(given[2]); repeats <- as.integer(given[3])
named <- function(text) if (text == "-") character() else strsplit(text, ",")[[1]]
covariates <- named(given[4]); strata <- named(given[5]); cluster <- named(given[6]); ties <- given[7]
column <- function(name) {
  file <- list.files(folder, pattern = paste0("^", name, "\\.(int32|double)$"), full.names = TRUE)
  if (endsWith(file, "double")) readBin(file, "double", n, 8, endian = "little")
  else readBin(file, "integer", n, 4, endian = "little")
}
rows <- as.data.frame(lapply(setNames(nm = unique(c("tstart", "tstop", "event", covariates, strata, cluster))), column))
right <- c(covariates, if (length(strata)) paste0("strata(", paste(strata, collapse = ","), ")"))
model <- as.formula(paste("Surv(tstart, tstop, event) ~", paste(right, collapse = " + ")))
control <- if (repeats) coxph.control() else coxph.control(eps = 1e-11, iter.max = 50)
fit_once <- function() {
  if (length(cluster)) {
    eval(bquote(coxph(model, rows, ties = ties, control = control, cluster = .(as.name(cluster)))))
  } else {
    coxph(model, rows, ties = ties, control = control)
  }
}
wall <- cpu <- numeric()
for (k in seq_len(max(repeats, 1))) {
  gc(FALSE)
  spent <- system.time(fit <- fit_once())
  wall <- c(wall, spent[["elapsed"]]); cpu <- c(cpu, spent[["user.self"]] + spent[["sys.self"]])
}
cat(toJSON(list(
  coef = unname(coef(fit)), se = sqrt(diag(vcov(fit))), n = fit$n, events = fit$nevent, wall = I(wall), cpu = I(cpu),
  version = paste0("R ", getRversion(), ", survival ", packageVersion("survival"))
), digits = 17, auto_unbox = TRUE), "\n")
