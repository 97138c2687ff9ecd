# Quantiles, follow-up, restricted means, weighted and trend tests, exposure states, landmarks, state occupation, checks.
# Run in this folder: Rscript --vanilla curves_and_tests_reference.R   (reads ../data) -> curves_and_tests_reference.json
suppressMessages({library(survival); library(jsonlite)})
read <- function(f) read.csv(file.path("../data", f), na.strings = "", stringsAsFactors = FALSE)
veteran <- read("veteran.csv"); bmt <- read("bmt.csv"); bmtcp <- read("bmt_counting_process.csv")
mgus2 <- read("mgus2.csv"); heart <- read("heart_stages.csv"); oedema <- read("pbc_oedema.csv")
myeloid <- read("myeloid_states.csv"); mgstates <- read("mgus2_states.csv")
cgd <- read("cgd.csv")
mgus2$old <- as.integer(mgus2$age >= 72)
out <- list(meta = list(R = R.version.string, survival = as.character(packageVersion("survival"))))
pairs <- function(m) unname(as.matrix(m))

## ---- quantiles ----------------------------------------------------------------
probs <- c(.1, .25, .5, .75, .9)
# The rule of survmean's minmin (the medians that print shows) at any height. quantile() sorts the limits first, which
# gives other numbers where they are not monotone, as early in the exposed curve of heart; elsewhere the two must agree.
crossing <- function(x, y, p) { tol <- sqrt(.Machine$double.eps); k <- !is.na(y) & y < 1 - p + tol; if (!any(k)) return(NA)
  x <- x[k]; y <- y[k]; if (abs(y[1] - (1 - p)) < tol && any(y < y[1])) (x[1] + x[min(which(y < y[1]))]) / 2 else x[1] }
quant <- function(f) {
  q <- quantile(f, probs); at <- rep(seq_along(f$strata), f$strata); curves <- list(quantile = f$surv, lower = f$lower, upper = f$upper)
  lapply(names(curves), function(k) t(sapply(seq_along(f$strata), function(i) { y <- curves[[k]][at == i]
    r <- sapply(probs, function(p) crossing(f$time[at == i], y, p)); known <- y[!is.na(y)]
    if (all(diff(known) <= 0)) stopifnot(isTRUE(all.equal(r, unname(rbind(q[[k]])[i, ])))) else cat("limits not monotone:", k, names(f$strata)[i], "\n")
    r }))) |> setNames(names(curves)) }
for (ct in c("log-log", "log", "plain")) {
  out$quantile[[ct]] <- list(
    veteran = quant(survfit(Surv(time, status) ~ celltype, veteran, conf.type = ct)),
    mgus2 = quant(survfit(Surv(futime, death) ~ sex, mgus2, conf.type = ct)),
    heart = quant(survfit(Surv(start, stop, event) ~ transplant, heart, conf.type = ct)),
    bmt = quant(survfit(Surv(t2, d3) ~ group, bmt, conf.type = ct)))
}

## ---- follow-up ------------------------------------------------------------------
ends <- function(d, id, stop, event, by) { d <- d[order(d[[id]], d[[stop]]), ]; d[!duplicated(d[[id]], fromLast = TRUE), ] }
follow <- function(time, event, by) {
  med <- function(f) { t <- rbind(summary(f)$table); unname(t[, c("median", "0.95LCL", "0.95UCL"), drop = FALSE]) }
  alive <- event == 0
  list(reverse = med(survfit(Surv(time, 1 - event) ~ by, conf.type = "log-log")),
       survivors = med(survfit(Surv(time[alive], rep(1, sum(alive))) ~ by[alive], conf.type = "log-log")),
       plain_median = as.vector(tapply(time[alive], by[alive], median)),
       shortest = as.vector(tapply(time[alive], by[alive], min)), longest = as.vector(tapply(time[alive], by[alive], max)))
}
hl <- ends(heart, "id", "stop"); hl$event1 <- as.vector(tapply(heart$event, heart$id, max))[match(hl$id, sort(unique(heart$id)))]
out$follow_up <- list(veteran = follow(veteran$time, veteran$status, veteran$trt),
  mgus2 = follow(mgus2$futime, mgus2$death, mgus2$sex), bmt = follow(bmt$t2, bmt$d3, bmt$group),
  heart = follow(hl$stop, hl$event1, hl$surgery))

## ---- restricted means -------------------------------------------------------------
area <- function(f, tau) { t <- rbind(summary(f, rmean = tau)$table); pairs(t[, grep("rmean", colnames(t)), drop = FALSE]) }
cut_at <- function(d, L) { d <- d[d$stop > L, ]; d$start <- pmax(d$start, L); d }
out$rmst <- list(
  veteran = area(survfit(Surv(time, status) ~ celltype, veteran), 180),
  mgus2 = area(survfit(Surv(futime, death) ~ sex, mgus2), 240),
  bmt = area(survfit(Surv(t2, d3) ~ group, bmt), 1000),
  mgus2_age = area(survfit(Surv(tstart, tstop, to == "death" & !is.na(to)) ~ sex, mgstates[mgstates$tstart > 600, ]), 1100),
  heart = lapply(c(L0 = 0, L30 = 30, L60 = 60), function(L) area(survfit(Surv(start, stop, event) ~ transplant, cut_at(heart, L)), 365)))
contrast <- function(m, ref = 1) { # Wald, plain and on the log scale
  d <- m[-ref, 1] - m[ref, 1]; s <- sqrt(m[-ref, 2]^2 + m[ref, 2]^2); r <- log(m[-ref, 1] / m[ref, 1])
  v <- sqrt((m[-ref, 2] / m[-ref, 1])^2 + (m[ref, 2] / m[ref, 1])^2); z <- qnorm(.975)
  list(difference = d, se = s, lower = d - z * s, upper = d + z * s, p = 2 * pnorm(-abs(d / s)), ratio = exp(r),
       ratio_lower = exp(r - z * v), ratio_upper = exp(r + z * v), ratio_p = 2 * pnorm(-abs(r / v))) }
out$rmst_contrasts <- lapply(out$rmst[c("veteran", "mgus2", "bmt")], contrast)

## ---- weighted log-rank: by definition, checked against survdiff ---------------------
weighted <- function(start, stop, event, group, strata = rep(1, length(stop)), rho = 0, gamma = 0) {
  g <- sort(unique(group)); O <- E <- rep(0, length(g)); V <- matrix(0, length(g), length(g))
  for (s in unique(strata)) { km <- 1; i <- strata == s
    for (t in sort(unique(stop[i & event == 1]))) { r <- i & start < t & stop >= t; n <- sum(r)
      nj <- sapply(g, function(x) sum(r & group == x)); dj <- sapply(g, function(x) sum(r & stop == t & event == 1 & group == x))
      d <- sum(dj); w <- km^rho * (1 - km)^gamma; km <- km * (1 - d / n)
      O <- O + w * dj; E <- E + w * d * nj / n
      if (n > 1) V <- V + w^2 * d * (n - d) / (n - 1) * (diag(nj / n) - outer(nj, nj) / n^2) } }
  k <- seq_len(length(g) - 1); chi <- drop((O - E)[k] %*% solve(V[k, k]) %*% (O - E)[k])
  list(observed = O, expected = E, variance = V, chisq = chi, p = pchisq(chi, length(k), lower.tail = FALSE)) }
fh <- function(d, stop, event, group, start = NULL, strata = NULL) {
  res <- list(); st <- if (is.null(start)) rep(0, nrow(d)) else d[[start]]; sr <- if (is.null(strata)) rep(1, nrow(d)) else d[[strata]]
  for (w in list(c(0, 0), c(1, 0), c(.5, 0), c(0, 1), c(1, 1), c(0, .5))) {
    r <- weighted(st, d[[stop]], d[[event]], d[[group]], sr, w[1], w[2])
    if (is.null(start) && w[2] == 0) { # survdiff takes the same weights
      f <- if (is.null(strata)) Surv(d[[stop]], d[[event]]) ~ d[[group]] else Surv(d[[stop]], d[[event]]) ~ d[[group]] + strata(d[[strata]])
      s <- survdiff(f, rho = w[1]); stopifnot(abs(s$chisq / r$chisq - 1) < 1e-10, max(abs(s$var - r$variance)) < 1e-9)
    }
    res[[paste(w, collapse = "_")]] <- r }
  res }
out$weighted <- list(veteran = fh(veteran, "time", "status", "celltype"), veteran_trt_strata = fh(veteran, "time", "status", "trt", strata = "celltype"),
  mgus2 = fh(mgus2, "futime", "death", "sex"), bmt = fh(bmt, "t2", "d3", "group"),
  oedema = fh(oedema, "tstop", "death", "oedema", start = "tstart"))

## ---- trend ---------------------------------------------------------------------------
trend <- function(r, scores) { u <- sum(scores * (r$observed - r$expected)); v <- drop(scores %*% r$variance %*% scores); z <- u / sqrt(v)
  list(z = z, chisq = z^2, p = 2 * pnorm(-abs(z)), p_longer = pnorm(z), p_shorter = pnorm(-z)) }
out$trend <- list(
  bmt = trend(out$weighted$bmt[["0_0"]], 1:3), bmt_scored = trend(out$weighted$bmt[["0_0"]], c(0, 1, 5)),
  bmt_early = trend(out$weighted$bmt[["1_0"]], 1:3),
  veteran = trend(out$weighted$veteran[["0_0"]], c(3, 1, 4, 2)), # adeno, large, smallcell, squamous
  oedema = trend(out$weighted$oedema[["0_0"]], 1:3))
exact <- function(f, d) unname(coxph(f, d, ties = "exact")$score)
stopifnot(abs(exact(Surv(t2, d3) ~ group, bmt) / out$trend$bmt$chisq - 1) < 1e-9)
stopifnot(abs(exact(Surv(tstart, tstop, death) ~ oedema, oedema) / out$trend$oedema$chisq - 1) < 1e-9)

## ---- several exposure states: by definition, checked against the exact Cox score test -----
bmtcp$state <- ifelse(bmtcp$cgvhd == 1, 2, bmtcp$agvhd)
states <- function(d, start, stop, event, state) { r <- weighted(d[[start]], d[[stop]], d[[event]], d[[state]])
  e <- data.frame(t0 = d[[start]], t1 = d[[stop]], e = d[[event]], x = factor(d[[state]]))
  x <- exact(Surv(t0, t1, e) ~ x, e); stopifnot(abs(x / r$chisq - 1) < 1e-9); r }
out$states <- list(bmt = states(bmtcp, "tstart", "tstop", "relapse_or_death", "state"), heart = states(heart, "start", "stop", "event", "stage"),
  oedema = states(oedema, "tstart", "tstop", "death", "oedema"))

## ---- landmarks: one row a subject, group as at L+ ----------------------------------------
fixed <- function(d, id, start, stop, event, group, L, times, adjust = NULL) {
  at <- d[d[[start]] <= L & d[[stop]] > L, ]; last <- tapply(d[[stop]], d[[id]], max); ev <- tapply(d[[event]], d[[id]], max)
  at$T <- last[as.character(at[[id]])]; at$D <- ev[as.character(at[[id]])]; at$g <- at[[group]]
  s <- survdiff(Surv(T - L, D) ~ g, at); f <- survfit(Surv(rep(L, nrow(at)), T, D) ~ g, at, conf.type = "log-log"); q <- summary(f, times = times, extend = TRUE)
  rhs <- if (length(unique(at$g)) > 2) "factor(g)" else "g"
  m <- coxph(as.formula(paste("Surv(T, D) ~", paste(c(rhs, adjust), collapse = " + "))), at, control = coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 50))
  list(n = as.vector(s$n), obs = s$obs, exp = s$exp, chisq = s$chisq, p = pchisq(s$chisq, length(s$n) - 1, lower.tail = FALSE),
       survival = q$surv, se = q$std.err, lower = q$lower, upper = q$upper, n_risk = q$n.risk, coef = unname(coef(m)), hr_se = unname(sqrt(diag(m$var)))) }
out$landmark <- list(
  heart = lapply(c(`30` = 30, `60` = 60, `90` = 90), function(L) fixed(heart, "id", "start", "stop", "event", "transplant", L, c(180, 365, 730), "age")),
  bmt = lapply(c(`100` = 100, `200` = 200), function(L) fixed(bmtcp, "id", "tstart", "tstop", "relapse_or_death", "cgvhd", L, c(365, 730))),
  oedema = lapply(c(`400` = 400, `1000` = 1000), function(L) fixed(oedema, "id", "tstart", "tstop", "death", "oedema", L, c(1500, 1800))))

## ---- state occupation ----------------------------------------------------------------------
occupy <- function(f, tau) { # every 25th time of each curve, and the last
  t <- summary(f, rmean = tau)$table; n <- if (is.null(f$strata)) length(f$time) else unname(f$strata)
  k <- unlist(lapply(seq_along(n), function(i) cumsum(c(0, n))[i] + unique(c(seq(1, n[i], by = 25), n[i]))))
  list(states = f$states, p0 = pairs(rbind(f$p0)), n_times = n, curve = rep(seq_along(n), n)[k], time = f$time[k], n_risk = pairs(f$n.risk[k, ]),
       n_event = pairs(f$n.event[k, ]), pstate = pairs(f$pstate[k, ]), se = pairs(f$std.err[k, ]), lower = pairs(f$lower[k, ]),
       upper = pairs(f$upper[k, ]), rmean = pairs(t[, grep("rmean", colnames(t)), drop = FALSE]), tau = tau) }
myeloid$event <- factor(myeloid$event, c("none", "response", "transplant", "relapse", "death"))
m1 <- survfit(Surv(tstart, tstop, event) ~ 1, myeloid, id = id, influence = TRUE, conf.type = "log-log")
m2 <- survfit(Surv(tstart, tstop, event) ~ trt, myeloid, id = id, influence = TRUE, conf.type = "plain")
mgstates$to <- factor(ifelse(is.na(mgstates$to), "censor", mgstates$to), c("censor", "malignancy", "death"))
g <- mgstates[mgstates$tstart >= 780 & mgstates$tstart < 900, ]; g <- g[!(g$id %in% g$id[g$from == "malignancy"] & !(g$id %in% g$id[g$from == "mgus"])), ]
m3 <- survfit(Surv(tstart, tstop, to) ~ 1, g, id = id, istate = factor(from, c("mgus", "malignancy")), influence = TRUE, conf.type = "log")
o <- oedema[order(oedema$id, oedema$tstart), ]; nxt <- c(o$oedema[-1], NA); same <- c(o$id[-1] == o$id[-nrow(o)], FALSE)
o$to <- factor(ifelse(same, paste0("oedema ", nxt), ifelse(o$death == 1, "death", "censor")), c("censor", "oedema 0", "oedema 1", "oedema 2", "death"))
m4 <- survfit(Surv(tstart, tstop, to) ~ 1, o, id = id, istate = paste("oedema", oedema), influence = TRUE, conf.type = "log-log")
out$multistate <- list(myeloid = occupy(m1, 1000), myeloid_trt = occupy(m2, 1000), mgus2 = occupy(m3, 1000), oedema = occupy(m4, 3000))
out$multistate$mgus2_rows <- nrow(g)

## ---- checks ----------------------------------------------------------------------------------
look <- function(f) list(transitions = list(from = rownames(f$transitions), to = colnames(f$transitions), n = pairs(unclass(f$transitions))),
  events = list(event = rownames(f$events), count = as.numeric(colnames(f$events)), n = pairs(f$events)), flag = as.list(f$flag),
  overlap = f$overlap$row, gap = f$gap$row, jump = f$jump$row, teleport = f$teleport$row,
  n_overlap_id = length(f$overlap$id), n_gap_id = length(f$gap$id))
bad <- heart[, c("id", "start", "stop", "event")]
bad$start[bad$id == 4 & bad$start > 0] <- bad$start[bad$id == 4 & bad$start > 0] - .5  # overlaps
bad$start[bad$id %in% c(10, 11, 16) & bad$start > 0] <- bad$start[bad$id %in% c(10, 11, 16) & bad$start > 0] + .25  # gaps
out$check <- list(heart = look(survcheck(Surv(start, stop, event) ~ 1, heart, id = id)),
  cgd = look(survcheck(Surv(tstart, tstop, status) ~ 1, cgd, id = id)),
  damaged = look(survcheck(Surv(start, stop, event) ~ 1, bad, id = id)),
  oedema = look(survcheck(Surv(tstart, tstop, to) ~ 1, transform(o, to = factor(ifelse(to == "death", 4, ifelse(to == "censor", 0, 5 + nxt)), c(0, 4, 5, 6, 7))),
                          id = id, istate = ifelse(oedema == 1 & tstart > 1000, 5, 5 + oedema))))
out$damaged <- bad
## ---- Simon-Makuch curves from a landmark: rows with stop > L, from max(start, L) ---------------
curves_from <- function(L) { d <- oedema[oedema$tstop > L, ]; d$tstart <- pmax(d$tstart, L)
  f <- summary(survfit(Surv(tstart, tstop, death) ~ oedema, d, conf.type = "log-log")) # at the times of death
  list(group = as.integer(sub("oedema=", "", f$strata)), time = f$time, n_risk = f$n.risk, n_event = f$n.event, surv = f$surv, se = f$std.err,
       lower = f$lower, upper = f$upper) }
out$simon_makuch <- lapply(c(`0` = 0, `400` = 400, `1000` = 1000), curves_from)

## ---- one-sided log-rank tests: fewer deaths than expected is longer survival --------------------
one_sided <- function(s) { z <- (sum(s$obs[2]) - sum(s$exp[2])) / sqrt(s$var[2, 2]); list(z = z, longer = pnorm(z), shorter = pnorm(-z)) }
out$one_sided <- list(mgus2 = one_sided(survdiff(Surv(futime, death) ~ sex, mgus2)),
  bmt = one_sided(survdiff(Surv(t2, d3) ~ z10, bmt)))
write_json(out, "curves_and_tests_reference.json", digits = NA, auto_unbox = TRUE, null = "null", na = "null")
