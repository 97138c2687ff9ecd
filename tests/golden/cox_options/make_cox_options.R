# Golden values of Cox models with case weights, offset, factors, recurrent events, clusters and strata.
# Run in this folder: Rscript --vanilla make_cox_options.R   (reads ../data) -> expected.json
suppressMessages({library(survival); library(jsonlite)})
ctl <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
vet <- read.csv("../data/veteran.csv")  # copies, share and known (weights and an offset) were made up for it
bl <- read.csv("../data/bladder2.csv")
cg <- read.csv("../data/cgd.csv")
cg$inherit <- factor(cg$inherit, c("autosomal", "X-linked"))  # R would order them by locale

describe <- function(m) {
  clustered <- !is.null(m$naive.var)
  r <- list(coef = unname(coef(m)), var = unname(if (clustered) m$naive.var else m$var), loglik = m$loglik,
            score_test = unname(m$score), wald = unname(m$wald.test), n = m$n, nevent = m$nevent)
  if (clustered) { r$robust_var <- unname(m$var); r$robust_score <- unname(m$rscore) }
  r
}
out <- list(meta = list(R = R.version.string, survival = as.character(packageVersion("survival"))))
fit <- function(name, f, d, ...) for (ties in c("efron", "breslow")) {
  columns <- as.list(substitute(list(...)))[-1]  # weights and cluster are names of columns of d
  call <- as.call(c(quote(coxph), f, list(data = quote(d), ties = ties, control = quote(ctl)), columns))
  out[[name]][[ties]] <<- describe(eval(call))
}

fit("veteran_weights", Surv(time, status) ~ trt + karno + age, vet, weights = copies)
fit("veteran_share_cluster", Surv(time, status) ~ trt + karno + age, vet, weights = share, cluster = id)
fit("veteran_share_cluster_strata", Surv(time, status) ~ trt + karno + strata(celltype), vet, weights = share, cluster = id)
fit("veteran_offset", Surv(time, status) ~ trt + age + offset(known), vet)
fit("veteran_offset_weights_strata", Surv(time, status) ~ trt + age + offset(known) + strata(celltype), vet, weights = copies)
fit("veteran_factor", Surv(time, status) ~ celltype + karno, vet)
v2 <- vet; v2$celltype <- relevel(factor(v2$celltype), "squamous")
fit("veteran_factor_squamous", Surv(time, status) ~ celltype + karno, v2)
fit("veteran_factor_interaction", Surv(time, status) ~ karno + celltype + karno:celltype, v2)
fit("bladder_recurrent", Surv(start, stop, event) ~ rx + number + size, bl)
fit("bladder_recurrent_cluster", Surv(start, stop, event) ~ rx + number + size, bl, cluster = id)
fit("bladder_pwp", Surv(start, stop, event) ~ rx + number + size + strata(enum), bl, cluster = id)
cg$treat <- relevel(factor(cg$treat), "placebo")
fit("cgd_recurrent_cluster", Surv(tstart, tstop, status) ~ treat + sex + age + inherit + steroids + propylac, cg, cluster = id)
fit("cgd_strata_cluster_centre", Surv(tstart, tstop, status) ~ treat + age + weight + strata(hospital), cg, cluster = centre)
fit("cgd_two_strata", Surv(tstart, tstop, status) ~ treat + age + treat:age + strata(sex, inherit), cg, cluster = id)
fit("cgd_factor_by_factor", Surv(tstart, tstop, status) ~ treat + inherit + treat:inherit, cg)
write_json(out, "expected.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
