# Golden values of clone, censor, weight, by definition: patient-days, glm, cumulative products, survfit with weights.
# Run in this folder: Rscript --vanilla make_clone_censor_weight.R   (reads ../data) -> expected.json
suppressMessages(library(jsonlite))
library(survival)
# Stanford heart transplants: one row a patient; a transplant half a day before the end of follow-up is one of that day.
rows <- read.csv("../data/jasa1.csv")
h <- do.call(rbind, lapply(split(rows, rows$id), function(d) data.frame(id = d$id[1], stop = max(d$stop),
  event = max(d$event), day = ceiling(min(c(d$start[d$transplant == 1], Inf))), age = d$age[1], surgery = d$surgery[1])))
h$day[h$day >= h$stop] <- Inf  # the event comes before an exposure of its day

curve <- function(d, at, tau) {
  fit <- survfit(Surv(start, stop, event) ~ 1, data = d, weights = w, timefix = FALSE)
  keep <- fit$n.event > 0 | fit$time %in% h$stop
  time <- fit$time[keep]; s <- fit$surv[keep]
  list(time = time, at_risk = fit$n.risk[keep], survival = s, at = summary(fit, times = at)$surv,
       mean = sum(c(1, s[time < tau]) * diff(c(0, time[time < tau], tau))))
}

strategies <- function(grace, step) {
  # A row a patient and day 0 .. grace with a decision: under observation after the day, not exposed before it.
  days <- merge(h, data.frame(t = 0:grace))
  days <- days[days$t < days$stop & days$t <= days$day, ]
  days$exposed <- as.numeric(days$t == days$day)
  days$bin <- factor(pmax(1, ceiling(days$t / step)))
  k <- nlevels(days$bin)
  terms <- if (k > 1) ~ 0 + bin + age + surgery else ~ age + surgery
  m <- glm(update(terms, exposed ~ .), binomial, days, control = glm.control(epsilon = 1e-15, maxit = 100))
  # The probability of exposure of every patient on every day, whether he was still there or not.
  grid <- merge(h, data.frame(t = 0:grace))
  grid$bin <- factor(pmax(1, ceiling(grid$t / step)))
  grid$p <- predict(m, grid, type = "response")
  grid <- grid[order(grid$id, grid$t), ]
  one <- function(g) {
    g <- g[order(g$t), ]
    p <- g$p; last <- g$bin == k
    # Under the strategy the day of exposure in the last bin has the distribution of those exposed in it: its hazard.
    f <- p * c(1, cumprod(1 - p))[seq_along(p)]
    q <- p
    q[last] <- f[last] / rev(cumsum(rev(f[last])))
    after <- g$t  # rows (t, t + 1] come after decision t
    exposed_by <- g$day <= g$t
    now <- g$day == g$t
    ratio <- ifelse(exposed_by, ifelse(now, q / p, 1), (1 - q) / (1 - p))
    without <- ifelse(exposed_by, 0, 1 / (1 - p))
    rbind(data.frame(arm = "exposed", g, w = cumprod(ratio)), data.frame(arm = "not exposed", g, w = cumprod(without)))
  }
  all <- do.call(rbind, lapply(split(grid, grid$id), one))
  # Each row ends a day after its decision, the last at the end of follow-up.
  final <- all$t == grace
  all$start <- all$t
  end <- ifelse(final, all$stop, pmin(all$stop, all$t + 1))
  all$event <- ifelse(end == all$stop, all$event, 0)
  all$stop <- end
  all <- all[all$stop > all$start & all$w > 1e-12, ]
  weights <- function(arm) {
    d <- all[all$arm == arm & all$start %in% c(15, 45, 60), ]
    as.list(d[order(d$id, d$start), c("id", "start", "w")])
  }
  arm <- function(name) c(curve(all[all$arm == name, ], c(30, 90, 365), 365), list(weights = weights(name)))
  list(coef = unname(coef(m)), exposed = arm("exposed"), not_exposed = arm("not exposed"))
}

out <- list(meta = list(R = R.version.string, survival = as.character(packageVersion("survival"))),
            three_steps = strategies(60, 20), one_step = strategies(60, 60))
write_json(out, "expected.json", digits = NA, auto_unbox = TRUE)
