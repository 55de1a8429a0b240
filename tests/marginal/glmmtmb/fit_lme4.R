# Writes fits_lme4.tsv from counts.tsv and samples.tsv: lme4::glmer.nb and glmer, converged tightly.
suppressMessages(library(lme4))
s <- read.delim("samples.tsv")
y <- read.delim("counts.tsv", row.names = 1)
d <- do.call(rbind, lapply(rownames(y), function(i) data.frame(s, isomir = i, y = as.numeric(y[i, ]))))
d$o <- log(d$total / 1e6)
isomir <- "+ offset(o) + (1 + group | isomir) + (1 | sample)"
models <- list(
  patient = paste("y ~ group", isomir, "+ (1 | patient)"),
  nested = paste("y ~ group", isomir, "+ (1 | site / patient)"),
  crossed = paste("y ~ group", isomir, "+ (1 | batch) + (1 | patient)"),
  slope = paste("y ~ group + time", isomir, "+ (time | patient)")
)
control <- glmerControl(optimizer = "bobyqa", tolPwrss = 1e-13, optCtrl = list(maxfun = 4e5, rhoend = 1e-9))
rows <- list()
for (m in names(models)) for (family in c("nbinom2", "poisson")) {
  f <- if (family == "nbinom2") glmer.nb(as.formula(models[[m]]), data = d, control = control) else
    glmer(as.formula(models[[m]]), data = d, family = poisson(), control = control)
  add <- function(kind, name, estimate) rows[[length(rows) + 1]] <<- data.frame(
    model = m, family = family, kind = kind, name = name, estimate = signif(estimate, 12))
  add("fit", "log_likelihood", as.numeric(logLik(f)))
  for (k in names(fixef(f))) add("fixed", k, fixef(f)[[k]])
  for (g in names(VarCorr(f))) {
    sd <- attr(VarCorr(f)[[g]], "stddev")
    for (k in names(sd)) add("sd", paste(sub("patient:site", "patient", g), k), sd[[k]])
  }
  if (family == "nbinom2") add("fit", "theta", getME(f, "glmer.nb.theta"))
}
write.table(do.call(rbind, rows), "fits_lme4.tsv", sep = "\t", row.names = FALSE, quote = FALSE)
