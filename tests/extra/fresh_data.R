# What R says of the data sets that test_r_agrees_on_fresh_data.py simulates: Rscript --vanilla fresh_data.R FOLDER...
# Reads single.csv (one row a patient) and split.csv (rows (tstart, tstop]) of each folder -> r.json beside them
suppressMessages({library(survival); library(jsonlite)})
ctl <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)

describe <- function(m) {
  clustered <- !is.null(m$naive.var)
  list(coef = unname(coef(m)), var = unname(if (clustered) m$naive.var else m$var), robust_var = if (clustered) unname(m$var),
       loglik = m$loglik, score = unname(m$score), robust_score = if (clustered) unname(m$rscore))
}
cox <- function(d, ties) {
  plain <- Surv(tstart, tstop, event) ~ allo_hct + age; strata <- update(plain, ~ . + strata(centre))
  lapply(list(plain = coxph(plain, d, ties = ties, control = ctl), strata = coxph(strata, d, ties = ties, control = ctl),
              cluster = coxph(plain, d, ties = ties, control = ctl, cluster = id),
              weights = coxph(plain, d, ties = ties, control = ctl, weights = copies),
              weights_cluster_strata = coxph(strata, d, ties = ties, control = ctl, weights = share, cluster = id)), describe)
}
curves <- function(f, group) {
  s <- summary(f, censored = TRUE)
  list(group = group[as.integer(s$strata)], time = s$time, n_at_risk = s$n.risk, n_events = s$n.event, survival = s$surv, se = s$std.err,
       lower = s$lower, upper = s$upper)
}
# coxph counts the subsets of each risk set for exact ties; nothing is fitted, the test is at 0.
exact <- function(f, d) unname(coxph(f, d, ties = "exact", control = coxph.control(iter.max = 0))$score)
rank_test <- function(s) list(observed = rowSums(as.matrix(s$obs)), expected = rowSums(as.matrix(s$exp)), variance = s$var, chi_squared = s$chisq)

for (folder in commandArgs(TRUE)) {
  one <- read.csv(file.path(folder, "single.csv")); rows <- read.csv(file.path(folder, "split.csv"))
  out <- list(cox = list(efron = cox(rows, "efron"), breslow = cox(rows, "breslow")))
  out$kaplan_meier <- lapply(c(`log-log` = "log-log", log = "log", plain = "plain"), function(type)
    curves(survfit(Surv(time, status) ~ arm, one, conf.type = type), sort(unique(one$arm))))
  out$delayed <- curves(survfit(Surv(tstart, tstop, event) ~ allo_hct, rows, conf.type = "log-log"), 0:1)
  out$mantel_byar <- list(plain = exact(Surv(tstart, tstop, event) ~ allo_hct, rows),
                          strata = exact(Surv(tstart, tstop, event) ~ allo_hct + strata(centre), rows))
  out$log_rank <- list(plain = rank_test(survdiff(Surv(time, status) ~ arm, one)),
                       strata = rank_test(survdiff(Surv(time, status) ~ arm + strata(centre), one)))
  times <- c(3, 6, 12, 18)
  s <- summary(survfit(Surv(time, factor(cause, 0:2)) ~ arm, one, conf.type = "log-log"), times = times, extend = TRUE)
  out$cumulative_incidence <- list(times = times, estimate = unname(s$pstate[, -1]), se = unname(s$std.err[, -1]),
                                   lower = unname(s$lower[, -1]), upper = unname(s$upper[, -1]))
  m <- glm(responded ~ age + marker + arm, binomial, one, control = glm.control(epsilon = 1e-15, maxit = 100))
  x <- model.matrix(m); p <- fitted(m)
  out$logistic <- list(coef = unname(coef(m)), var = unname(solve(crossprod(x, x * (p * (1 - p))))), loglik = as.numeric(logLik(m)))
  write_json(out, file.path(folder, "r.json"), digits = NA, auto_unbox = TRUE, na = "null", null = "null")
}
