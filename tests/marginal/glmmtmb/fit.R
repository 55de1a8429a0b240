# Writes fits.tsv from counts.tsv and samples.tsv: glmmTMB by maximum and by restricted likelihood.
suppressMessages(library(glmmTMB))
s <- read.delim("samples.tsv")
y <- read.delim("counts.tsv", row.names = 1)
d <- do.call(rbind, lapply(rownames(y), function(i) data.frame(s, isomir = i, y = as.numeric(y[i, ]))))
d$o <- log(d$total / 1e6)
isomir <- "+ offset(o) + (1 + group | isomir) + (1 | sample)"
models <- list(
  plain = paste("y ~ group", isomir),
  time = paste("y ~ group + time", isomir),
  fixed_patient = paste("y ~ group + patient", isomir),
  patient = paste("y ~ group", isomir, "+ (1 | patient)"),
  nested = paste("y ~ group", isomir, "+ (1 | site) + (1 | patient)"),
  crossed = paste("y ~ group", isomir, "+ (1 | batch) + (1 | patient)"),
  slope = paste("y ~ group + time", isomir, "+ (time | patient)")
)
rows <- list()
for (m in names(models)) for (reml in c(FALSE, TRUE)) for (family in c("nbinom2", "poisson")) {
  if (family == "poisson" && !(m %in% c("plain", "patient"))) next
  f <- glmmTMB(as.formula(models[[m]]), data = d, family = family, REML = reml)
  add <- function(kind, name, estimate, std_error = NA) {
    rows[[length(rows) + 1]] <<- data.frame(
      model = m, criterion = ifelse(reml, "reml", "ml"), family = family, kind = kind, name = name,
      estimate = signif(estimate, 12), std_error = signif(std_error, 10)
    )
  }
  add("fit", "log_likelihood", as.numeric(logLik(f)))
  b <- fixef(f)$cond
  se <- sqrt(diag(vcov(f)$cond))
  for (k in names(b)) add("fixed", k, b[k], se[k])
  components <- VarCorr(f)$cond
  for (g in names(components)) {
    sd <- attr(components[[g]], "stddev")
    for (k in names(sd)) add("sd", paste(g, k), sd[k])
    r <- attr(components[[g]], "correlation")
    if (nrow(r) > 1) add("correlation", g, r[2, 1])
  }
  if (family == "nbinom2") add("fit", "theta", sigma(f))
  effects <- ranef(f)$cond$patient
  for (k in colnames(effects)) for (l in rownames(effects)) add("patient", paste(k, l), effects[l, k])
}
write.table(do.call(rbind, rows), "fits.tsv", sep = "\t", row.names = FALSE, quote = FALSE)
