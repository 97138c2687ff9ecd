# A second scorer of the fidelity ledger, independent of the first: R computes again every median, survival, test and
# model of the targets, from the frames that `blinreg fidelity DIR --out OUT --frames` wrote.
#   Rscript --vanilla fidelity.R TARGETS.csv OUT/frames RESULT.json
# Populations and terms are written here a second time, in R, by the names that the targets use.
suppressMessages({library(survival); library(jsonlite)})
words <- commandArgs(TRUE)
targets <- read.csv(words[1], colClasses = "character", na.strings = NULL)
frame <- function(name) read.csv(file.path(words[2], paste0(name, ".synthetic.csv")), na.strings = "")
p <- frame("patient"); endpoint <- frame("endpoint"); process <- frame("counting_process")
month <- 30.4375
yes <- function(x) !is.na(x) & x

# Terms ---------------------------------------------------------------------------------------------------------------
p$term_ph <- as.numeric(yes(p$ph_status == "positive"))
p$term_kmt2a <- as.numeric(yes(p$kmt2a_rearranged == "yes"))
p$term_cns_history <- as.numeric(yes(p$cns_history == "yes"))
p$term_prior_allo_hct <- as.numeric(yes(p$prior_allo_hct == "yes"))
p$term_age_decades <- p$age_years / 10
remission <- cut(p$cr1_duration_days, c(-Inf, 364, 730, Inf), labels = c("under_1", "from_1_to_2", "from_2"))
p$term_cr1_under_1_year <- as.numeric(yes(remission == "under_1"))
p$term_cr1_1_to_2_years <- as.numeric(yes(remission == "from_1_to_2"))
p$term_cr1_from_2_years <- as.numeric(yes(remission == "from_2"))
p$term_cr_mrd_positive <- as.numeric(yes(p$best_response == "cr" & p$mrd_at_response == "positive"))
p$term_combination <- as.numeric(p$tki == 1 | p$chemotherapy == 1 | p$intrathecal == 1)
p$term_lines_2 <- as.numeric(yes(p$salvage_line == 2)); p$term_lines_from_3 <- as.numeric(yes(p$salvage_line >= 3))
p$term_tki <- p$tki; p$term_primary_refractory <- as.numeric(yes(p$primary_refractory == "yes"))

# Populations ---------------------------------------------------------------------------------------------------------
rr <- p$indication == "relapsed_refractory"; responds <- p$is_responder == 1; ph <- p$term_ph == 1
without <- rr & p$allo_hct == 0
population <- list(
  all = rep(TRUE, nrow(p)), rr = rr, mrd = !rr, rr_evaluable = rr & p$is_evaluable == 1, rr_responders = rr & responds,
  rr_ph = rr & ph, rr_not_ph = rr & !ph, rr_ph_tki = rr & ph & p$tki == 1, rr_ph_no_tki = rr & ph & p$tki == 0,
  rr_ph_responders = rr & ph & responds, rr_ph_tki_responders = rr & ph & p$tki == 1 & responds,
  rr_ph_no_tki_responders = rr & ph & p$tki == 0 & responds, rr_kmt2a = rr & p$term_kmt2a == 1,
  rr_not_kmt2a = rr & p$term_kmt2a == 0, rr_primary_refractory = rr & p$term_primary_refractory == 1,
  rr_not_primary_refractory = rr & p$term_primary_refractory == 0, rr_no_transplant = without,
  rr_no_transplant_responders = without & responds, blasts_known = !is.na(p$blood_blast_percent), mrd_responders = !rr & responds, transplanted = p$allo_hct == 1)
of <- function(rows, name) rows[rows$patient_id %in% p$patient_id[population[[name]]], ]
with_terms <- function(rows) merge(rows, p[, c("patient_id", grep("^term_", names(p), value = TRUE))], by = "patient_id")

# Measures ------------------------------------------------------------------------------------------------------------
column <- list(age_years = p$age_years, wbc_1e9_per_l = p$wbc_1e9_per_l, blood_blast_percent = p$blood_blast_percent,
               n_prior_lines = p$n_prior_lines, `n_prior_lines + 1` = p$n_prior_lines + 1, n_cycles = p$n_cycles,
               response_to_transplant_months = p$response_to_transplant_months)
location <- function(t) {
  x <- column[[t$of]][population[[t$population]]]
  switch(t$measure, median = median, minimum = min, maximum = max)(x, na.rm = TRUE)
}
times <- function(t) { rows <- of(endpoint, t$population); rows[rows$endpoint == t$of, ] }
curve <- function(t) {
  f <- survfit(Surv(time_days, event) ~ 1, times(t), conf.type = "log-log")
  if (startsWith(t$statistic, "at ")) {
    at <- as.numeric(substring(t$statistic, 4)) * month
    return(if (at > max(f$time)) NA else 100 * summary(f, times = at)$surv)
  }
  unname(summary(f)$table[c(median = "median", lower = "0.95LCL", upper = "0.95UCL")[t$statistic]]) / month
}
followed <- function(t) {
  alive <- times(t); alive <- alive$time_days[alive$event == 0] / month
  switch(t$statistic, median = median, shortest = min, longest = max)(alive)
}
term <- function(t) strsplit(t$statistic, " ")[[1]]
log_rank <- function(t) {
  s <- survdiff(reformulate(paste0("term_", term(t)[1]), "Surv(time_days, event)"), with_terms(times(t)))
  pchisq(s$chisq, 1, lower.tail = FALSE)
}
# The score test of the Cox model with exact ties is the Mantel-Byar test with the hypergeometric variance.
mantel_byar <- function(t) {
  rows <- of(process, t$population); rows <- rows[rows$endpoint == t$of, ]
  m <- coxph(Surv(tstart, tstop, event) ~ allo_hct, rows, ties = "exact", control = coxph.control(iter.max = 0))
  pchisq(m$score, 1, lower.tail = FALSE)
}
cr1 <- c("cr1_under_1_year", "cr1_1_to_2_years", "cr1_from_2_years")
model <- list(
  cox_os = list("rr", "os", c("ph", "age_decades", cr1, "kmt2a", "cns_history", "prior_allo_hct")),
  cox_os_responders = list("rr_responders", "os_from_response",
                           c("ph", "age_decades", cr1, "kmt2a", "cns_history", "prior_allo_hct")),
  cox_rfs = list("rr_responders", "rfs", c("cns_history", "kmt2a", "age_decades", "cr_mrd_positive", cr1)),
  logistic_response = list("rr", "",
                           c("combination", "lines_2", "lines_from_3", "ph", "kmt2a", "cns_history", cr1)))
fit <- lapply(model, function(m) {
  terms <- paste0("term_", m[[3]])
  if (m[[2]] == "") {
    return(glm(reformulate(terms, "is_responder"), binomial, p[population[[m[[1]]]], ],
               control = glm.control(epsilon = 1e-14, maxit = 100)))
  }
  rows <- of(process, m[[1]]); rows <- with_terms(rows[rows$endpoint == m[[2]], ])
  coxph(reformulate(c("allo_hct", terms), "Surv(tstart, tstop, event)"), rows, ties = "efron",
        control = coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100))
})
of_model <- function(t) {
  m <- fit[[t$of]]; name <- term(t)[1]; if (name != "allo_hct") name <- paste0("term_", name)
  b <- unname(coef(m)[name]); x <- model.matrix(m)
  v <- if (inherits(m, "glm")) solve(crossprod(x, x * (fitted(m) * (1 - fitted(m))))) else vcov(m)
  s <- sqrt(v[which(names(coef(m)) == name), which(names(coef(m)) == name)])
  switch(term(t)[2], ratio = exp(b), lower = exp(b - qnorm(.975) * s), upper = exp(b + qnorm(.975) * s), p = 2 * pnorm(-abs(b / s)))
}
measure <- list(median = location, minimum = location, maximum = location, kaplan_meier = curve, follow_up = followed,
                log_rank = log_rank, mantel_byar = mantel_byar, cox = of_model, logistic = of_model)

scored <- targets[targets$measure %in% names(measure), ]
found <- lapply(seq_len(nrow(scored)), function(i) as.numeric(measure[[scored$measure[i]]](scored[i, ])))
names(found) <- scored$id
# A median or limit that is not reached is null.
out <- list(r = paste(R.version$major, R.version$minor, sep = "."), survival = as.character(packageVersion("survival")),
            data = "SYNTHETIC DATA", n_patients = nrow(p), values = lapply(found, function(x) if (is.na(x)) NULL else x))
write_json(out, words[3], digits = NA, auto_unbox = TRUE, null = "null", pretty = TRUE)
