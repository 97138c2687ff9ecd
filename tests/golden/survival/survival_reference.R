# Golden values for the survival curves beyond ../heart and ../bmt.
# Run in this folder: Rscript --vanilla survival_reference.R   (reads ../data) -> survival_reference.json
suppressMessages({library(survival); library(jsonlite)})
out <- list(meta=list(R=R.version.string, survival=as.character(packageVersion("survival"))))
veteran <- read.csv("../data/veteran.csv"); veteran$celltype <- factor(veteran$celltype, c("squamous","smallcell","adeno","large"))
tr <- read.csv("../data/transplant.csv"); tr$abo <- factor(tr$abo, c("A","B","AB","O"))
## Kaplan-Meier limits of the three types, by group
km <- function(f) { s <- summary(f, censored=TRUE); q <- quantile(f, c(.5))
  list(strata=if (is.null(s$strata)) NULL else as.character(s$strata), time=s$time, n_risk=s$n.risk, n_event=s$n.event, n_censor=s$n.censor,
       surv=s$surv, se=s$std.err, lower=s$lower, upper=s$upper, table=summary(f)$table) }
pick <- function(f) { t <- rbind(summary(f)$table); cols <- c("median","0.95LCL","0.95UCL"); list(rows=rownames(t), median=unname(t[,cols,drop=FALSE])) }
for (ct in c("log-log","log","plain")) {
  f <- survfit(Surv(time,status)~celltype, veteran, conf.type=ct); r <- km(f); r$table <- NULL
  out$veteran_celltype[[ct]] <- c(r, pick(f)) }
f <- survfit(Surv(time,status)~celltype, veteran, conf.type="log-log", conf.int=.9)
s <- summary(f, censored=TRUE); out$veteran_celltype_90 <- list(lower=s$lower, upper=s$upper)
## delayed entry: the risk set empties (by censoring in group a, by an event in group b) and fills again
e <- read.csv("../data/entry.csv")
r <- km(survfit(Surv(start,stop,event)~group, e, conf.type="log-log")); r$table <- NULL; out$entry <- r
## curves flat at exactly one half: midpoint, and a flat end
flat <- data.frame(time=c(1,2,3,4, 1,2,3,4), status=c(1,1,1,1, 1,1,0,0), group=rep(c("falls","stays"), each=4))
out$flat <- pick(survfit(Surv(time,status)~group, flat))$median[,1]
## Aalen-Johansen with limits
for (ct in c("log-log","plain")) { f <- survfit(Surv(futime, factor(cause,0:3))~abo, tr, conf.type=ct)
  s <- summary(f, times=c(30,90,180,365,730), extend=TRUE)
  out$transplant_limits[[ct]] <- list(strata=as.character(s$strata), time=s$time, n_risk=unname(s$n.risk[,1]), pstate=unname(s$pstate[,-1]),
     se=unname(s$std.err[,-1]), lower=unname(s$lower[,-1]), upper=unname(s$upper[,-1])) }
## one-sided log-rank, from survdiff's sums: fewer deaths than expected is longer survival
s <- survdiff(Surv(time,status)~trt, veteran); z <- (s$obs[2]-s$exp[2])/sqrt(s$var[2,2])
out$veteran_trt <- list(z2=z, p_two=pchisq(s$chisq,1,lower.tail=FALSE), p_trt2_longer=pnorm(z), p_trt2_shorter=pnorm(-z))
s <- survdiff(Surv(time,status)~trt+strata(celltype), veteran); z <- (sum(s$obs[2,])-sum(s$exp[2,]))/sqrt(s$var[2,2])
out$veteran_trt_strata <- list(z2=z, p_trt2_longer=pnorm(z))
## log-rank with delayed entry: the exact Cox score test
m <- coxph(Surv(start,stop,event)~group, e, ties="exact"); out$entry_logrank <- unname(m$score)
## three exposure states with entry: acute and chronic graft-versus-host disease as one factor, Cox score test with exact ties
b <- read.csv("../data/bmt_counting_process.csv"); b$state <- factor(ifelse(b$cgvhd==1,2,b$agvhd))
m <- coxph(Surv(tstart,tstop,relapse_or_death)~state, b, ties="exact"); out$bmt_three_states <- list(score=unname(m$score), df=2)
write_json(out, "survival_reference.json", digits=NA, auto_unbox=TRUE, null="null", na="null")
