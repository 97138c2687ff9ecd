# Golden values of proportion differences, odds ratios, Cochran-Mantel-Haenszel and incidence rates.
# Run in this folder: Rscript --vanilla make_proportions.R   (reads ../data) -> expected.json
suppressMessages(library(jsonlite))
out <- list(meta = list(R = R.version.string))
pbc <- read.csv("../data/pbc.csv"); mgus2 <- read.csv("../data/mgus2.csv"); ucb <- read.csv("../data/ucb_admissions.csv")
infert <- read.csv("../data/infert.csv"); cgd <- read.csv("../data/cgd.csv")
veteran <- read.csv("../data/veteran.csv"); heart <- read.csv("../data/heart.csv")
infert$aborted <- as.integer(infert$spontaneous > 0)
mgus2$older <- as.integer(mgus2$age >= 70)
cases <- list(
  list(data = "pbc", outcome = "hepato", by = "sex", strata = "stage"),
  list(data = "pbc", outcome = "spiders", by = "trt", strata = c("sex", "stage")),
  list(data = "mgus2", outcome = "death", by = "sex", strata = "older"),
  list(data = "mgus2", outcome = "pstat", by = "older", strata = "sex"),
  list(data = "infert", outcome = "case", by = "aborted", strata = "education"),
  list(data = "ucb_admissions", outcome = "admitted", by = "sex", strata = "department"))
frame <- function(c) { d <- switch(c$data, pbc = pbc, mgus2 = mgus2, infert = infert, ucb_admissions = ucb[rep(seq_len(nrow(ucb)), ucb$n), ])
  d[complete.cases(d[c(c$outcome, c$by, c$strata)]), ] }

## fisher.test finds its estimate and limits with uniroot's default tolerance, about four digits.
## The same equations, solved on the log scale to the last digits; fisher.test's own values beside them.
exact <- function(x, m, n, k, level) {
  lo <- max(0, k - n); hi <- min(k, m); s <- lo:hi; ld <- dhyper(s, m, n, k, log = TRUE)
  d <- function(b) { e <- ld + b * s; e <- exp(e - max(e)); e / sum(e) }
  root <- function(f) exp(uniroot(f, c(-20, 20), tol = 1e-15, maxiter = 10000)$root)
  a <- (1 - level) / 2
  c(if (x == lo) 0 else if (x == hi) Inf else root(function(b) sum(s * d(b)) - x),
    if (x == lo) 0 else root(function(b) sum(d(b)[s >= x]) - a),
    if (x == hi) Inf else root(function(b) sum(d(b)[s <= x]) - a))
}
newcombe <- function(x1, n1, x0, n0, level) {
  w <- function(x, n) suppressWarnings(prop.test(x, n, correct = FALSE, conf.level = level)$conf.int)
  p1 <- x1 / n1; p0 <- x0 / n0; l <- rbind(w(x1, n1), w(x0, n0))
  p1 - p0 + c(-sqrt((p1 - l[1, 1])^2 + (l[2, 2] - p0)^2), sqrt((l[1, 2] - p1)^2 + (p0 - l[2, 1])^2))
}
compare <- function(x1, n1, x0, n0, level) {
  p <- suppressWarnings(prop.test(c(x1, x0), c(n1, n0), correct = FALSE, conf.level = level))
  t <- matrix(c(x1, n1 - x1, x0, n0 - x0), 2)
  f <- fisher.test(t, conf.level = level)
  r <- list(counts = c(x1, n1, x0, n0), level = level, chi_squared = unname(p$statistic), p_chi_squared = p$p.value,
            wald = c(p$conf.int), newcombe = newcombe(x1, n1, x0, n0, level),
            exact = exact(x1, n1, n0, x1 + x0, level), fisher = c(unname(f$estimate), f$conf.int), p_fisher = f$p.value)
  if (all(t > 0)) {
    # Iterated beyond what glm can call converged: its standard error lags one step behind.
    m <- suppressWarnings(glm(cbind(c(x1, x0), c(n1 - x1, n0 - x0)) ~ c(1, 0), binomial, control = list(epsilon = 1e-16, maxit = 50)))
    s <- summary(m)$coefficients[2, ]
    r$woolf <- unname(c(exp(s[1]), exp(s[1] + c(-1, 1) * qnorm((1 + level) / 2) * s[2]), s[4]))
  }
  r
}
out$compared <- list()
for (c in cases) {
  d <- frame(c); g <- sort(unique(d[[c$by]])); y <- d[[c$outcome]]; b <- d[[c$by]]
  x <- array(0, c(2, 2, 0))
  for (s in split(d, d[c$strata], drop = TRUE)) x <- array(c(x, table(factor(s[[c$by]], rev(g)), factor(s[[c$outcome]], 1:0))), dim(x) + c(0, 0, 1))
  x <- x[, , apply(x, 3, sum) > 1]
  with <- mantelhaen.test(x, correct = TRUE); without <- mantelhaen.test(x, correct = FALSE)
  ninety <- mantelhaen.test(x, conf.level = 0.9)
  out$compared[[length(out$compared) + 1]] <- c(list(data = c$data, outcome = c$outcome, by = c$by, strata = as.list(c$strata)),
    list(pairs = lapply(c(0.95, 0.8), function(level) compare(sum(y[b == g[2]]), sum(b == g[2]), sum(y[b == g[1]]), sum(b == g[1]), level))),
    list(cmh = list(odds_ratio = unname(without$estimate), limits = c(without$conf.int), limits_90 = c(ninety$conf.int),
                    chi_squared = unname(without$statistic), p = without$p.value,
                    chi_squared_corrected = unname(with$statistic), p_corrected = with$p.value)))
}
## Small and extreme tables
out$tables <- lapply(list(c(9, 10, 3, 10), c(5, 56, 0, 29), c(10, 10, 0, 20), c(0, 10, 0, 20), c(10, 10, 10, 10), c(1, 1, 0, 1), c(7, 7, 2, 9),
                          c(1, 105, 9, 103), c(400, 3000, 10, 2000)), function(v) compare(v[1], v[2], v[3], v[4], 0.95))

## Incidence rates
rates <- function(time, event, by, per, level) {
  g <- sort(unique(by)); x <- sapply(g, function(v) sum(event[by == v])); T <- sapply(g, function(v) sum(time[by == v])) / per
  list(group = as.list(as.character(g)), n_events = unname(x), person_time = unname(T), level = level,
       limits = t(sapply(seq_along(g), function(i) c(poisson.test(x[i], T[i], conf.level = level)$conf.int))),
       ratio = t(sapply(seq_along(g)[-1], function(i) { r <- poisson.test(c(x[i], x[1]), c(T[i], T[1]), conf.level = level)
         c(unname(r$estimate), r$conf.int, r$p.value) })))
}
out$rates <- list(
  cgd = rates(cgd$tstop - cgd$tstart, cgd$status, cgd$treat, 365.25, 0.95),
  heart = rates(heart$stop - heart$start, heart$event, heart$transplant, 36525, 0.9),
  veteran = rates(veteran$time, veteran$status, veteran$celltype, 1, 0.95))
out$ratio_edges <- lapply(list(c(0, 5, 10, 20), c(5, 0, 10, 20), c(3, 3, 10, 10), c(250, 180, 1000.5, 999), c(1, 40, 3, 2)), function(v) {
  r <- poisson.test(v[1:2], v[3:4]); list(counts = v, ratio = c(unname(r$estimate), r$conf.int, r$p.value)) })
write_json(out, "expected.json", digits = NA, auto_unbox = TRUE)
