# Golden values of what a fitted Cox model tells: residuals, hazards, predictions, tests, concordance, contrasts.
# Data: heart, veteran, cgd and bladder2 of R's survival package, as CSV in the neighbouring folders.
# Run in this folder: Rscript make_cox_diagnostics.R
suppressMessages({library(survival); library(jsonlite); library(splines)})
ctl <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
read <- function(file) { d <- read.csv(file); for (x in names(d)) if (is.integer(d[[x]])) d[[x]] <- as.numeric(d[[x]]); d }  # cox.zph wants doubles
heart <- read("../data/heart.csv")
vet <- read("../data/veteran.csv"); vet$celltype <- factor(vet$celltype)
cgd <- read("../data/cgd.csv"); cgd$treat <- factor(cgd$treat, c("placebo", "rIFN-g"))
bl <- read("../data/bladder2.csv")
out <- list(meta = list(R = R.version.string, survival = as.character(packageVersion("survival"))))
plain <- function(x) { x <- unname(as.matrix(x)); if (ncol(x) == 1) x[, 1] else x }

# Survival along a path. R's sums (survival:::agsurv) are added up over the path as survival 3.8-0 and later do it:
# version 3.5 takes the covariates of the last row for the whole path in the second part of the variance, which
# the first check below shows to matter only where covariates change.
path_curve <- function(m, y, x, wt, strata, path_y, path_x, path_strata, path_offset = 0, offset = 0) {
  type <- if (m$method == "efron") 3 else 2
  beta <- coef(m); H <- v1 <- NULL; slope <- NULL; time <- NULL
  for (i in seq_len(nrow(path_x))) {
    k <- strata == path_strata[i]
    s <- survival:::agsurv(y[k, , drop = FALSE], x[k, , drop = FALSE], wt[k], exp(drop(x[k, , drop = FALSE] %*% beta) + rep_len(offset, nrow(x))[k]), type, type)
    xbar <- rbind(0, s$xbar); xbar <- xbar[-1, , drop = FALSE] - xbar[-nrow(xbar), , drop = FALSE]
    at <- which(s$time > path_y[i, 1] & s$time <= path_y[i, 2] & s$n.event > 0)
    r <- exp(sum(path_x[i, ] * beta) + path_offset)
    time <- c(time, s$time[at]); H <- c(H, s$hazard[at] * r); v1 <- c(v1, s$varhaz[at] * r^2)
    slope <- rbind(slope, (outer(s$hazard[at], path_x[i, ]) - xbar[at, , drop = FALSE]) * r)
  }
  g <- apply(slope, 2, cumsum)
  list(time = time, cumhaz = cumsum(H), surv = exp(-cumsum(H)), se_cumhaz = sqrt(cumsum(v1) + rowSums((g %*% m$var) * g)))
}

describe <- function(name, f, data_set, rule, id, path = NULL, ...) {
  d <<- data_set; ties <<- rule  # R looks its own calls up where the formula was written
  columns <- as.list(substitute(list(...)))[-1]
  call <- as.call(c(quote(coxph), f, list(data = quote(d), ties = ties, control = quote(ctl), x = TRUE, y = TRUE), columns))
  m <- eval(call)
  r <- list(coef = unname(coef(m)), terms = names(coef(m)), ties = ties)
  for (type in c("martingale", "deviance", "score", if (name == "heart_efron") "dfbetas")) r$row[[type]] <- plain(resid(m, type))
  for (type in c("martingale", "deviance", "dfbeta")) r$id[[type]] <- plain(resid(m, type, collapse = id))
  s <- resid(m, "schoenfeld"); r$event$time <- as.numeric(if (is.matrix(s)) rownames(s) else names(s))
  r$event$schoenfeld <- plain(s); r$event$scaled_schoenfeld <- plain(resid(m, "scaledsch"))
  # baseline: R's curves have a row at censorings too; the stratum is a number in the order of its label
  for (centred in c(FALSE, TRUE)) {
    b <- basehaz(m, centered = centred); if (is.null(b$strata)) b$strata <- factor(rep("all", nrow(b)))
    off <- model.offset(model.frame(m))  # R leaves the offset at its mean
    if (!centred && !is.null(off)) b$hazard <- b$hazard * exp(-mean(off))
    keep <- unlist(tapply(b$hazard, b$strata, function(h) diff(c(0, h)) > 0))
    r$baseline[[if (centred) "mean" else "zero"]] <- list(stratum = as.integer(b$strata)[keep], time = b$time[keep], cumhaz = b$hazard[keep])
  }
  for (transform in c("km", "rank", "identity", "log")) {
    z <- cox.zph(m, transform = transform)
    r$zph[[transform]] <- list(terms = rownames(z$table), table = unname(z$table))
  }
  z <- cox.zph(m, transform = "km")
  o <- order(if (is.null(z$strata)) rep(1, length(z$time)) else as.integer(z$strata), z$time)
  r$zph_km <- list(time = z$time[o], x = z$x[o], y = plain(z$y[o, , drop = FALSE]), var = plain(z$var))
  z1 <- cox.zph(m, transform = "km", terms = FALSE)
  r$zph_coefficients <- list(terms = rownames(z1$table), table = unname(z1$table))
  # the smooth of plot.cox.zph, which version 3.5 does not return: term 1 at 40 points
  if (!anyNA(z$y[, 1])) {
    at <- seq(min(z$x), max(z$x), length = 40); basis <- ns(c(at, z$x), df = 4, intercept = TRUE)
    q <- qr(basis[-(1:40), ]); fit <- drop(basis[1:40, ] %*% qr.coef(q, z$y[, 1])); bk <- backsolve(q$qr[1:4, 1:4], diag(4))
    r$smooth <- list(x = at, estimate = fit, half = 2 * sqrt(z$var[1, 1] * drop(((basis[1:40, ] %*% (bk %*% t(bk))) * basis[1:40, ]) %*% rep(1, 4))))
  }
  cc <- concordance(m, cluster = id)
  r$concordance <- list(concordance = unname(cc$concordance), se = sqrt(drop(cc$var)), count = unname(if (is.matrix(cc$count)) colSums(cc$count) else cc$count))
  if (!is.null(path)) r$path <- path(m)
  # everything but the first term together, and one contrast of the first two
  V <- m$var; b <- coef(m); p <- length(b)
  if (p > 1) {
    con <- c(1, -2, rep(0, p - 2)); e <- sum(con * b); se <- sqrt(drop(con %*% V %*% con))
    r$contrast <- list(estimate = e, se = se, z = e / se, lower = exp(e - qnorm(.975) * se), upper = exp(e + qnorm(.975) * se))
    drop2 <- 2:p; r$tested <- names(b)[drop2]
    strat <- m$strata; if (is.null(strat)) strat <- factor(rep("all", nrow(m$x)))
    wt <- if (is.null(m$weights)) rep(1, nrow(m$x)) else m$weights
    mm <- model.frame(m); off <- model.offset(mm); if (is.null(off)) off <- rep(0, nrow(m$x))
    X <- m$x; Y <- m$y
    small <- coxph(Y ~ X[, -drop2, drop = FALSE] + strata(strat) + offset(off), weights = wt, ties = ties, control = ctl)
    big0 <- coxph(Y ~ X + strata(strat) + offset(off), weights = wt, ties = ties, init = c(coef(small), rep(0, p - 1)), iter.max = 0)
    r$joint <- list(wald = drop(b[drop2] %*% solve(V[drop2, drop2]) %*% b[drop2]), score = unname(big0$score), lr = 2 * (m$loglik[2] - small$loglik[2]))
  }
  out$models[[name]] <<- r
  invisible(m)
}

H <- Surv(heart$start, heart$stop, heart$event)
heart_path <- function(m) {
  x <- m$x; one <- rep("a", nrow(x)); px <- rbind(c(-5, 2, 0, 0), c(-5, 2, 0, 1)); py <- rbind(c(0, 60), c(60, 365))
  p <- path_curve(m, H, x, rep(1, nrow(x)), one, py, px, c("a", "a"))
  nd <- data.frame(start = py[, 1], stop = py[, 2], event = 0, age = px[, 1], year = px[, 2], surgery = 0, transplant = 0:1, id = 1)
  s <- survfit(m, newdata = nd, id = id); k <- s$n.event > 0
  stopifnot(max(abs(s$surv[k] - p$surv)) < 1e-12)
  same <- transform(nd, transplant = 1); s1 <- survfit(m, newdata = same, id = id); k1 <- s1$n.event > 0
  p1 <- path_curve(m, H, x, rep(1, nrow(x)), one, py, rbind(px[2, ], px[2, ]), c("a", "a"))
  stopifnot(max(abs(s1$surv[k1] - p1$surv), abs(s1$std.err[k1] - p1$se_cumhaz)) < 1e-12)
  ci <- survfit(m, newdata = same, id = id, conf.type = "log-log")
  c(p, list(survival_3.5_se_cumhaz = s$std.err[k], constant = list(surv = s1$surv[k1], se_cumhaz = s1$std.err[k1], lower = ci$lower[k1], upper = ci$upper[k1])))
}
for (ties in c("efron", "breslow")) describe(paste0("heart_", ties), Surv(start, stop, event) ~ age + year + surgery + transplant, heart, ties, heart$id, heart_path)
describe("heart_strata", Surv(start, stop, event) ~ age + year + transplant + strata(surgery), heart, "efron", heart$id, function(m) {
  px <- rbind(c(-5, 2, 0), c(-5, 2, 1)); py <- rbind(c(0, 60), c(60, 365))
  p <- path_curve(m, H, m$x, rep(1, nrow(m$x)), heart$surgery, py, px, c(0, 0))
  nd <- data.frame(start = py[, 1], stop = py[, 2], event = 0, age = -5, year = 2, transplant = 0:1, surgery = 0, id = 1)
  s <- survfit(m, newdata = nd, id = id); k <- s$n.event > 0
  stopifnot(max(abs(s$surv[k] - p$surv)) < 1e-12)
  p })
describe("veteran_factor", Surv(time, status) ~ karno + celltype + trt, vet, "efron", vet$id, function(m) {
  x1 <- c(60, 0, 1, 0, 1); p <- path_curve(m, cbind(0, as.matrix(Surv(vet$time, vet$status))), m$x, rep(1, 137), rep("a", 137), cbind(0, 200), rbind(x1), "a")
  s <- survfit(m, newdata = data.frame(karno = 60, celltype = factor("smallcell", levels(vet$celltype)), trt = 1), conf.type = "log")
  k <- s$n.event > 0 & s$time <= 200
  stopifnot(max(abs(s$surv[k] - p$surv), abs(s$std.err[k] - p$se_cumhaz)) < 1e-12)
  c(p, list(lower = s$lower[k], upper = s$upper[k])) })
describe("veteran_weights_strata", Surv(time, status) ~ karno + age + strata(celltype), vet, "efron", vet$id, weights = copies)
describe("veteran_weights_breslow", Surv(time, status) ~ karno + age + trt, vet, "breslow", vet$id, weights = share, robust = FALSE)
describe("veteran_offset", Surv(time, status) ~ trt + age + offset(known), vet, "efron", vet$id)
C <- Surv(cgd$tstart, cgd$tstop, cgd$status)
describe("cgd_cluster", Surv(tstart, tstop, status) ~ treat + age + steroids, cgd, "efron", cgd$id, cluster = id, path = function(m) {
  px <- rbind(c(1, 14, 0), c(1, 14, 1)); py <- rbind(c(0, 100), c(100, 400))
  p <- path_curve(m, C, m$x, rep(1, nrow(m$x)), rep("a", nrow(m$x)), py, px, c("a", "a"))
  nd <- data.frame(tstart = py[, 1], tstop = py[, 2], status = 0, treat = factor("rIFN-g", levels(cgd$treat)), age = 14, steroids = 0:1, id = 1)
  s <- survfit(m, newdata = nd, id = id); k <- s$n.event > 0
  stopifnot(max(abs(s$surv[k] - p$surv)) < 1e-12)
  p })
describe("bladder_strata_cluster", Surv(start, stop, event) ~ rx + number + size + strata(enum), bl, "efron", bl$id, cluster = id, path = function(m) {
  px <- rbind(c(1, 2, 1), c(1, 2, 1)); py <- rbind(c(0, 12), c(12, 30))
  p <- path_curve(m, Surv(bl$start, bl$stop, bl$event), m$x, rep(1, nrow(m$x)), bl$enum, py, px, c(1, 2))
  nd <- data.frame(start = py[, 1], stop = py[, 2], event = 0, rx = 1, number = 2, size = 1, enum = 1:2, id = 1)
  s <- survfit(m, newdata = nd, id = id); k <- s$n.event > 0
  stopifnot(max(abs(s$surv[k] - p$surv)) < 1e-12)
  p })

# Score test with exact ties. Data sets with few ties only: the algorithm counts all subsets.
exact <- function(name, f, d) {
  m <- coxph(f, d, ties = "exact", control = ctl)
  out$exact[[name]] <<- list(statistic = unname(m$score), df = length(coef(m)), p = pchisq(unname(m$score), length(coef(m)), lower.tail = FALSE))
}
exact("heart", Surv(start, stop, event) ~ transplant, heart)
exact("heart_all", Surv(start, stop, event) ~ age + year + surgery + transplant, heart)
exact("heart_strata", Surv(start, stop, event) ~ age + transplant + strata(surgery), heart)
exact("veteran", Surv(time, status) ~ karno + celltype + trt, vet)
exact("veteran_strata", Surv(time, status) ~ karno + trt + strata(celltype), vet)
exact("cgd", Surv(tstart, tstop, status) ~ treat + age + steroids, cgd)
write_json(out, "expected.json", digits = I(12), auto_unbox = TRUE, na = "null", null = "null")
