# Golden values of exact binomial limits (binom.test) and of Table 1.
# Run in this folder: Rscript --vanilla make_descriptive.R   (reads ../data) -> expected.json
suppressMessages(library(jsonlite))
out <- list(meta = list(R = R.version.string))
cells <- do.call(rbind, lapply(c(1, 2, 7, 30, 239), function(n) expand.grid(x = unique(round(c(0, 1, n / 3, n / 2, n - 1, n))), n = n)))
cells <- cells[cells$x <= cells$n, ]
out$clopper_pearson <- lapply(c(0.9, 0.95, 0.99), function(level) {
  ci <- t(mapply(function(x, n) binom.test(x, n, conf.level = level)$conf.int, cells$x, cells$n))
  list(conf_level = level, x = cells$x, n = cells$n, lower = ci[, 1], upper = ci[, 2])
})
lu <- read.csv("../data/lung.csv")
lu$sex <- c("male", "female")[lu$sex]
five <- function(v) list(n = sum(!is.na(v)), n_missing = sum(is.na(v)), minimum = min(v, na.rm = TRUE),
  q1 = unname(quantile(v, 0.25, na.rm = TRUE, type = 7)), median = median(v, na.rm = TRUE),
  q3 = unname(quantile(v, 0.75, na.rm = TRUE, type = 7)), maximum = max(v, na.rm = TRUE))
groups <- list(all = lu, female = lu[lu$sex == "female", ], male = lu[lu$sex == "male", ])
for (g in names(groups)) for (v in c("age", "weight_loss")) out$numeric[[v]][[g]] <- five(groups[[g]][[v]])
for (g in names(groups)) { t <- table(factor(groups[[g]]$ecog, 0:3))
  out$ecog[[g]] <- list(level = names(t), n = as.vector(t), percent = as.vector(100 * prop.table(t)), n_missing = sum(is.na(groups[[g]]$ecog))) }
write_json(out, "expected.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
