# Public data sets for the golden tests, as CSV. Run in this folder: Rscript export_data.R
# One block a data set; numbers as they are in the package, missing values empty.
suppressMessages(library(survival))
save <- function(d, file) write.csv(d, file, row.names = FALSE, quote = FALSE, na = "")

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
# Stanford heart transplants: waiting 0, the first 30 days after the transplant 1, later 2.
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
