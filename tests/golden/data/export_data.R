# The data sets of the golden tests, as CSV. Run in this folder: Rscript --vanilla export_data.R
# Everything but bmt.csv (of R's package KMsurv, kept as it is; examples/bmt has the same file) comes from here.
# One block a data set; numbers as they are in the package (15 digits), missing values empty.
suppressMessages(library(survival))
save <- function(d, file) write.csv(d, file, row.names = FALSE, quote = FALSE, na = "")

# Stanford heart transplants (Crowley and Hu 1977), rows (start, stop] of days; age and year centred as in R's documentation.
h <- heart
h$transplant <- as.numeric(as.character(h$transplant))
counting <- c("id", "start", "stop", "event", "age", "year", "surgery", "transplant")
save(h[, counting], "heart.csv")
# ... with times doubled, so that the half days of subject 38 are whole.
save(transform(h, start = 2 * start, stop = 2 * stop)[, counting], "heart_x2.csv")
# ... in the package's other version: the first day is day 0, where heart calls it day 1 (subject 15: half a day).
save(jasa1[, counting], "jasa1.csv")
# ... from one row a subject through tmerge, as its documentation does it. The rows turn out to be those of jasa1.
j <- jasa[, c("accept.dt", "tx.date", "fu.date", "fustat", "age", "surgery")]
j$subject <- seq_len(nrow(j))
times <- with(j, data.frame(subject, futime = pmax(.5, fu.date - accept.dt), fustat,
  txtime = ifelse(tx.date == fu.date, (tx.date - accept.dt) - .5, tx.date - accept.dt)))
j <- tmerge(j, times, id = subject, event = event(futime, fustat), transplant = tdc(txtime), options = list(idname = "subject"))
j <- data.frame(id = j$subject, start = j$tstart, stop = j$tstop, event = j$event, age = j$age - 48,
                year = as.numeric(j$accept.dt - as.Date("1967-10-01")) / 365.25, surgery = j$surgery, transplant = j$transplant)
save(j, "jasa_tmerge.csv")
# 137 bone-marrow transplants for acute leukaemia (Copelan 1991; Klein and Moeschberger 1997), split at acute and chronic
# graft-versus-host disease and platelet recovery; times in days.
b <- read.csv("bmt.csv")
b <- tmerge(b, b, id = id, relapse_or_death = event(t2, d3))
b <- tmerge(b, read.csv("bmt.csv"), id = id, agvhd = tdc(ifelse(da == 1, ta, NA)), cgvhd = tdc(ifelse(dc == 1, tc, NA)),
            platelet = tdc(ifelse(dp == 1, tp, NA)))
b$aml_low <- 1 * (b$group == 2)
b$aml_high <- 1 * (b$group == 3)
save(b[, c("id", "tstart", "tstop", "relapse_or_death", "agvhd", "cgvhd", "platelet", "aml_low", "aml_high", "z1", "z2", "z8")],
     "bmt_counting_process.csv")
# Veterans' lung cancer trial; whole weights, sampling weights and an offset are made up here.
v <- veteran
v$id <- seq_len(nrow(v))
v$copies <- 1 + v$id %% 3
v$share <- round(0.4 + (v$id * 7) %% 11 / 10, 1)
v$known <- round(-0.02 * (v$karno - 60), 6)
save(v[, c("id", "time", "status", "trt", "celltype", "karno", "diagtime", "age", "prior", "copies", "share", "known")], "veteran.csv")
# Bladder cancer: recurrences, rows (start, stop] of months.
save(bladder2[, c("id", "start", "stop", "event", "enum", "rx", "number", "size")], "bladder2.csv")
# Chronic granulomatous disease: recurrent infections, rows (tstart, tstop] of days ...
g <- cgd
for (x in c("treat", "sex", "inherit", "hos.cat", "center")) g[[x]] <- gsub(",", "", as.character(g[[x]]))
g$hospital <- g$hos.cat
g$centre <- as.integer(factor(g$center, sort(unique(g$center), method = "radix")))
save(g[, c("id", "tstart", "tstop", "status", "treat", "sex", "age", "inherit", "steroids", "propylac", "hospital", "weight", "centre")], "cgd.csv")
# ... and at entry, with whether there was any infection.
e <- g[!duplicated(g$id), ]
e$infected <- as.integer(tapply(g$status, g$id, max)[as.character(e$id)] > 0)
save(e[, c("id", "treat", "sex", "age", "inherit", "weight", "infected")], "cgd_entry.csv")
# Advanced lung cancer: sex 1 male, 2 female; status 2 dead; weight loss in pounds. Whoever is censored in the first year
# counts as not dead by its end: these are rows for a logistic regression, not an analysis.
l <- lung
l$dead_by_1_year <- as.integer(l$time <= 365 & l$status == 2)
names(l)[match(c("inst", "ph.ecog", "ph.karno", "wt.loss"), names(l))] <- c("institution", "ecog", "karnofsky", "weight_loss")
save(l[, c("institution", "time", "status", "age", "sex", "ecog", "karnofsky", "weight_loss", "dead_by_1_year")], "lung.csv")
# Infertility after abortion: matched cases and controls (R's datasets).
save(infert[, c("case", "age", "parity", "education", "spontaneous", "induced")], "infert.csv")
# Waiting list for liver transplants: cause 1 death, 2 transplant, 3 withdrawn; day 0 becomes half a day.
w <- transplant
w$id <- seq_len(nrow(w))
w$futime <- pmax(w$futime, .5)
w$cause <- match(as.character(w$event), c("censored", "death", "ltx", "withdraw")) - 1
save(w[, c("id", "abo", "futime", "event", "cause")], "transplant.csv")
# Made up: delayed entry, where the risk set empties (by censoring in group a, by an event in group b) and fills again.
save(data.frame(id = 1:10, start = c(0, 0, 1, 9, 9, 10, 0, 0, 6, 7), stop = c(4, 3, 5, 12, 14, 13, 3, 5, 9, 8),
                event = c(1, 0, 0, 1, 0, 1, 0, 1, 1, 1), group = rep(c("a", "b"), c(6, 4))), "entry.csv")

# Monoclonal gammopathy: progression to a plasma cell malignancy, with death competing; times in months.
save(mgus2[, c("id", "age", "sex", "hgb", "creat", "mspike", "ptime", "pstat", "futime", "death")], "mgus2.csv")
# Primary biliary cholangitis: status 1 transplant, 2 death; times in days.
p <- pbc[, c("id", "time", "status", "trt", "age", "sex", "hepato", "spiders", "edema", "bili", "albumin", "stage")]
p$age <- round(p$age, 4)
save(p, "pbc.csv")
# Admission to Berkeley by sex and department (counts).
u <- as.data.frame(UCBAdmissions)
names(u) <- c("admitted", "sex", "department", "n")
u$admitted <- as.integer(u$admitted == "Admitted")
save(u, "ucb_admissions.csv")
# Acute myeloid leukaemia trial (simulated by its authors from a real one): response, transplant, relapse and death as
# events at tstop, in rows (tstart, tstop] of days; a response on the day of the transplant is put a day before it.
m <- myeloid
same_day <- with(m, !is.na(crtime) & !is.na(txtime) & crtime == txtime)
m$crtime[same_day] <- m$crtime[same_day] - 1
m <- tmerge(m[, c("id", "trt")], m, id = id, death = event(futime, death), transplant = event(txtime),
            response = event(crtime), relapse = event(rltime))
m$event <- c("none", "response", "transplant", "relapse", "death")[with(m,
  1 + pmax(response, 2 * transplant, 3 * relapse, 4 * death))]
save(m[, c("id", "trt", "tstart", "tstop", "event")], "myeloid_states.csv")
# Monoclonal gammopathy on the scale of age in months (delayed entry): state, and the one entered at tstop.
g <- mgus2
g$ptime <- with(g, ifelse(pstat == 1 & ptime >= futime, futime - .5, ptime))
g$futime <- pmax(g$futime, .5)
a <- 12 * g$age
ill <- g$pstat == 1 & g$ptime > 0
end <- ifelse(g$death == 1, "death", NA)
g <- rbind(
  data.frame(id = g$id, sex = g$sex, tstart = a, tstop = ifelse(ill, a + g$ptime, a + g$futime), from = "mgus",
             to = ifelse(ill, "malignancy", end)),
  data.frame(id = g$id, sex = g$sex, tstart = a + g$ptime, tstop = a + g$futime, from = "malignancy", to = end)[ill, ])
save(g[order(g$id, g$tstart), ], "mgus2_states.csv")
# Primary biliary cholangitis, yearly visits: oedema (0 none, 1 under treatment, 2 despite treatment) in rows of days;
# people begin in each of the three states. Transplantation ends follow-up.
p <- pbcseq[order(pbcseq$id, pbcseq$day), ]
last <- !duplicated(p$id, fromLast = TRUE)
p$tstop <- ifelse(last, p$futime, c(p$day[-1], NA))
p$oedema <- as.integer(2 * p$edema)
p$death <- as.integer(last & p$status == 2)
p <- p[p$tstop > p$day, ]
starts <- c(TRUE, diff(p$id) != 0 | diff(p$oedema) != 0)
run <- cumsum(starts)
p <- data.frame(id = p$id[starts], age = round(p$age[starts], 2), sex = p$sex[starts], tstart = p$day[starts],
                tstop = as.integer(tapply(p$tstop, run, max)), oedema = p$oedema[starts], death = as.integer(tapply(p$death, run, max)))
save(p, "pbc_oedema.csv")
# Stanford heart transplants again: waiting 0, the first 30 days after the transplant 1, later 2.
h <- heart
h$transplant <- as.numeric(as.character(h$transplant))
late <- h$transplant == 1 & h$stop > h$start + 30
h$stage <- h$transplant
h2 <- h[late, ]
h$stop[late] <- h$start[late] + 30
h$event[late] <- 0
h2$start <- h2$start + 30
h2$stage <- 2
h <- rbind(h, h2)
h <- h[order(h$id, h$start), ]
save(h[, c("id", "start", "stop", "event", "age", "surgery", "transplant", "stage")], "heart_stages.csv")
