# Golden values of logistic regression. Data: infert (datasets), cgd at entry and lung (survival).
# Run in this folder: Rscript make_logistic.R
suppressMessages({library(survival); library(jsonlite)})
inf <- infert[, c("case", "age", "parity", "education", "spontaneous", "induced")]
inf$education <- as.character(inf$education)
write.csv(inf, "infert.csv", row.names = FALSE, quote = FALSE)
lu <- lung[, c("time", "status", "age", "sex", "ph.ecog", "ph.karno", "wt.loss")]
names(lu) <- c("time", "status", "age", "sex", "ecog", "karnofsky", "weight_loss")
lu$dead_by_1_year <- 1 * (lu$time <= 365 & lu$status == 2)
write.csv(lu, "lung.csv", row.names = FALSE, quote = FALSE, na = "")
cg <- cgd[!duplicated(cgd$id), c("id", "treat", "sex", "age", "inherit", "weight")]
cg$infected <- 1 * (tapply(cgd$status, cgd$id, max)[as.character(cg$id)] > 0)
write.csv(cg, "cgd_entry.csv", row.names = FALSE, quote = FALSE)

out <- list(meta = list(R = R.version.string, survival = as.character(packageVersion("survival"))))
fit <- function(name, f, d) {
  m <- glm(f, binomial, d, control = glm.control(epsilon = 1e-15, maxit = 100))
  # one more weighting at the solution: glm's own variance uses the weights of the step before
  x <- model.matrix(m); p <- fitted(m)
  out[[name]] <<- list(coef = unname(coef(m)), var = unname(solve(crossprod(x, x * (p * (1 - p))))),
    loglik = as.numeric(c(-m$null.deviance / 2, logLik(m))), n = nobs(m),
    interval = unname(confint.default(m)), interval90 = unname(confint.default(m, level = 0.9)),
    p = unname(summary(m)$coefficients[, 4]))
}
fit("infert_numbers", case ~ age + parity + spontaneous + induced, inf)
fit("infert_factor", case ~ education + spontaneous + induced, inf)
i2 <- inf; i2$education <- relevel(factor(i2$education), "12+ yrs")
fit("infert_factor_reference", case ~ age + education + spontaneous, i2)
fit("lung_complete", dead_by_1_year ~ age + sex + ecog + karnofsky + weight_loss, lu)
fit("cgd_factor", infected ~ treat + sex + age + inherit, cg)
fit("cgd_interaction", infected ~ treat + age + treat:age, cg)
write_json(out, "expected.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
