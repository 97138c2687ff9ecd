# Golden values of logistic regression.
# Run in this folder: Rscript --vanilla make_logistic.R   (reads ../data) -> expected.json
suppressMessages(library(jsonlite))
inf <- read.csv("../data/infert.csv")
lu <- read.csv("../data/lung.csv")
cg <- read.csv("../data/cgd_entry.csv")
cg$treat <- factor(cg$treat, c("placebo", "rIFN-g"))  # the order of levels in the package
cg$sex <- factor(cg$sex, c("male", "female"))
cg$inherit <- factor(cg$inherit, c("X-linked", "autosomal"))
out <- list(meta = list(R = R.version.string))
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
