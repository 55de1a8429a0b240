# Times lme4::glmer.nb and glmmTMB on miRNAs written by speed_ml.py: full model, as the R package miRglmm fits it.
# Usage: Rscript glmm.R counts.tsv out.tsv      (long table: mirna, isomir, sample, group, count, offset)
arguments <- commandArgs(trailingOnly = TRUE)
data <- read.delim(arguments[1], stringsAsFactors = TRUE)
formula <- count ~ group + offset(offset) + (1 + group | isomir) + (1 | sample)
fit <- list(
  glmer.nb = function(d) lme4::glmer.nb(
    formula, data = d,
    control = lme4::glmerControl(optimizer = "bobyqa", optCtrl = list(maxfun = 2e5))),
  glmmTMB = function(d) glmmTMB::glmmTMB(formula, data = d, family = glmmTMB::nbinom2())
)
rows <- list()
for (engine in names(fit)) {
  for (mirna in levels(data$mirna)) {
    d <- droplevels(data[data$mirna == mirna, ])
    if (mirna == levels(data$mirna)[1]) suppressWarnings(suppressMessages(fit[[engine]](d)))  # loads the packages
    time <- system.time(f <- suppressWarnings(suppressMessages(fit[[engine]](d))))
    seconds <- sum(time[c("user.self", "sys.self")])
    rows[[length(rows) + 1]] <- data.frame(
      engine = engine, mirna = mirna, seconds = seconds, log_likelihood = as.numeric(logLik(f)))
  }
}
versions <- paste0("R ", getRversion(), ", lme4 ", packageVersion("lme4"), ", glmmTMB ", packageVersion("glmmTMB"))
write.table(cbind(do.call(rbind, rows), versions), arguments[2], sep = "\t", quote = FALSE, row.names = FALSE)
