# Golden values of cumulative incidence with delayed entry, Gray's test and the Fine-Gray model.
# Run in this folder: Rscript --vanilla make_competing_risks.R   (reads ../data) -> expected.json
suppressMessages({library(survival); library(cmprsk); library(jsonlite)})
out <- list(meta = list(R = R.version.string, survival = as.character(packageVersion("survival")),
                        cmprsk = as.character(packageVersion("cmprsk"))))

mgus2 <- read.csv("../data/mgus2.csv")
mgus2$cause <- ifelse(mgus2$pstat == 1, 1, 2 * mgus2$death)
mgus2$time <- ifelse(mgus2$pstat == 1, mgus2$ptime, mgus2$futime)
mgus2$older <- as.integer(mgus2$age >= 70)
mgus2$entry <- 12 * mgus2$age               # from here to exit with age as the time scale, in months
mgus2$exit <- mgus2$entry + mgus2$time
pbc <- read.csv("../data/pbc.csv")
pbc$cause <- pbc$status
pbc$entry <- round(365.25 * pbc$age)        # age in days
pbc$exit <- pbc$entry + pbc$time
transplant <- read.csv("../data/transplant.csv")
transplant$time <- transplant$futime
bmt <- read.csv("../data/bmt.csv")
bmt$time <- bmt$t2
bmt$cause <- ifelse(bmt$d3 == 0, 0, ifelse(bmt$d2 == 1, 1, 2))
bmt$entry <- ifelse(bmt$tp < bmt$t2, bmt$tp, 0)   # enters on the day of platelet recovery, else at transplant
bmt$exit <- bmt$t2

## Gray's test
tests <- function(d, by, strata = NULL) {
  d <- d[!is.na(d[[by]]), ]
  lapply(c(0, 1, -1, 0.5), function(rho) {
    t <- if (is.null(strata)) cuminc(d$time, d$cause, d[[by]], rho = rho) else
         cuminc(d$time, d$cause, d[[by]], strata = do.call(paste, d[strata]), rho = rho)
    list(rho = rho, cause = as.integer(rownames(t$Tests)), stat = unname(t$Tests[, "stat"]), df = unname(t$Tests[, "df"]))
  })
}
out$gray <- list(
  list(data = "mgus2", by = "sex", strata = list(), tests = tests(mgus2, "sex")),
  list(data = "mgus2", by = "sex", strata = list("older"), tests = tests(mgus2, "sex", "older")),
  list(data = "pbc", by = "stage", strata = list(), tests = tests(pbc, "stage")),
  list(data = "pbc", by = "stage", strata = list("sex"), tests = tests(pbc, "stage", "sex")),
  list(data = "transplant", by = "abo", strata = list(), tests = tests(transplant, "abo")),
  list(data = "bmt", by = "group", strata = list(), tests = tests(bmt, "group")),
  list(data = "bmt", by = "group", strata = list("z3", "z4"), tests = tests(bmt, "group", c("z3", "z4"))))

## Variance of cmprsk::cuminc, at event times of any cause
aalen <- function(d, by) {
  f <- cuminc(d$time, d$cause, d[[by]]); f$Tests <- NULL
  times <- unname(quantile(d$time, c(.02, .1, .3, .5, .7, .9), type = 1))
  read <- timepoints(f, times)
  list(times = times, curve = rownames(read$est), est = unname(read$est), var = unname(read$var))
}
out$aalen <- list(mgus2 = aalen(mgus2, "sex"), transplant = aalen(transplant, "abo"), bmt = aalen(bmt, "group"))

## Cumulative incidence with delayed entry: R's estimate; its standard error is the infinitesimal jackknife, and the
## Greenwood-type one is summed here as the recursion of the product integral (Andersen, Borgan, Gill, Keiding 1993, IV.4).
recursion <- function(start, stop, cause, times, k) {
  state <- c(1, rep(0, k)); cov <- matrix(0, k + 1, k + 1); found <- NULL
  events <- sort(unique(stop[cause > 0])); i <- 1
  for (t in times) {
    while (i <= length(events) && events[i] <= t) {
      n <- sum(start < events[i] & stop >= events[i])
      d <- sapply(seq_len(k), function(j) sum(stop == events[i] & cause == j))
      to <- c(1 - sum(d) / n, d / n); step <- diag(k + 1); step[1, ] <- to
      cov <- t(step) %*% cov %*% step + state[1]^2 * (diag(to) - outer(to, to)) / n
      state <- drop(state %*% step); i <- i + 1
    }
    found <- rbind(found, c(state[-1], sqrt(diag(cov)[-1])))
  }
  list(est = found[, 1:k], se = found[, k + 1:k])
}
delayed <- function(d, k, from) {
  d <- d[d$exit > from, ]
  d$start <- pmax(d$entry, from); d$stop <- d$exit
  times <- unname(quantile(d$stop, c(.1, .3, .5, .7, .9), type = 1))
  f <- survfit(Surv(start, stop, factor(cause, 0:k)) ~ 1, d, id = id, start.time = from)
  s <- summary(f, times = times, extend = TRUE)
  c(list(from = from, times = times, est_r = unname(s$pstate[, -1]), se_jackknife = unname(s$std.err[, -1])),
    recursion(d$start, d$stop, d$cause, times, k))
}
out$delayed <- list(mgus2 = delayed(mgus2, 2, 720), pbc = delayed(pbc, 2, 14610), bmt = delayed(bmt, 2, 30))

## Fine-Gray: survival::finegray, then coxph with its weights
ctl <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
describe <- function(m) list(coef = unname(coef(m)), var = unname(m$naive.var), robust_var = unname(m$var),
                             loglik = m$loglik, wald = unname(m$wald.test))
weighted <- function(d, x, strata = NULL, entry = FALSE, cause = 1) {
  d <- d[complete.cases(d[c(x, strata)]), ]
  d$start <- if (entry) d$entry else 0
  d$stop <- if (entry) d$exit else d$time
  d$state <- factor(d$cause, 0:max(d$cause))
  rhs <- paste(c(x, "id", strata, if (!is.null(strata)) sprintf("strata(%s)", strata)), collapse = "+")
  finegray(as.formula(paste("Surv(start, stop, state) ~", rhs)), d, etype = as.character(cause), id = d$id)
}
fit <- function(name, d, x, strata = NULL, entry = FALSE, cause = 1) {
  f <- weighted(d, x, strata, entry, cause)
  rhs <- paste(c(x, if (!is.null(strata)) sprintf("strata(%s)", strata)), collapse = "+")
  for (ties in c("efron", "breslow")) {
    m <- coxph(as.formula(paste("Surv(fgstart, fgstop, fgstatus) ~", rhs)), f, weights = fgwt, cluster = id, ties = ties, control = ctl)
    out$fine_gray[[name]][[ties]] <<- describe(m)
  }
  out$fine_gray[[name]]$setup <<- list(x = as.list(x), strata = as.list(strata), entry = entry, cause = cause,
    n_rows = nrow(f), sum_weight = sum(f$fgwt), sum_weighted_time = sum(f$fgwt * (f$fgstop - f$fgstart)))
}
fit("mgus2", mgus2, c("age", "hgb", "mspike"))
fit("mgus2_death", mgus2, c("age", "mspike"), cause = 2)
fit("mgus2_strata", mgus2, c("age", "mspike"), strata = "sex")
fit("mgus2_entry", mgus2, c("hgb", "mspike"), entry = TRUE)
fit("mgus2_entry_strata", mgus2, c("hgb", "mspike"), strata = "sex", entry = TRUE)
fit("pbc", pbc, c("age", "bili", "albumin"))
fit("pbc_entry", pbc, c("bili", "albumin"), entry = TRUE, cause = 2)
fit("bmt", bmt, c("z1", "z2", "z8"))
fit("bmt_entry", bmt, c("z1", "z2", "z8"), entry = TRUE)
rows <- weighted(pbc, "bili", entry = TRUE, cause = 2)
rows <- rows[rows$id %in% c(1:4, 295, 345, 380), ]   # the last three were transplanted, which competes with death
out$pbc_entry_rows <- list(id = rows$id, start = rows$fgstart, stop = rows$fgstop, event = rows$fgstatus, weight = rows$fgwt)

## cmprsk::crr: the same coefficients with Breslow's ties where events and censorings share no time
apart <- function(d) { d$time <- d$time + ifelse(d$cause == 0, 0.25, 0); d }
compare <- function(d, x, cause) {
  d <- apart(d[complete.cases(d[x]), ])
  m <- crr(d$time, d$cause, as.matrix(d[x]), failcode = cause, gtol = 1e-13, maxiter = 100)
  list(x = as.list(x), cause = cause, coef = unname(m$coef), se = unname(sqrt(diag(m$var))))
}
out$crr <- list(mgus2 = compare(mgus2, c("age", "hgb", "mspike"), 1), pbc = compare(pbc, c("age", "bili", "albumin"), 2),
                bmt = compare(bmt, c("z1", "z2", "z8"), 1))
write_json(out, "expected.json", digits = NA, auto_unbox = TRUE, na = "null")
