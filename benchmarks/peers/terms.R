# Fits glmmTMB (ML and REML) and lme4::glmer.nb with a random term of patients to miRNAs written by agreement_terms.py.
# Usage: Rscript terms.R counts.tsv out.tsv lme4_every
#   counts.tsv: long table: mirna, isomir, sample, patient, group, count, offset; of every lme4_every-th miRNA lme4 too.
arguments <- commandArgs(trailingOnly = TRUE)
data <- read.delim(arguments[1], stringsAsFactors = TRUE)
every <- as.integer(arguments[3])
formula <- count ~ group + offset(offset) + (1 + group | isomir) + (1 | sample) + (1 | patient)
tmb <- function(reml) function(d) {
  f <- glmmTMB::glmmTMB(formula, data = d, family = glmmTMB::nbinom2(), REML = reml)
  sd <- sapply(glmmTMB::VarCorr(f)$cond, function(v) attr(v, "stddev")[[1]])
  list(log_likelihood = as.numeric(logLik(f)), beta = glmmTMB::fixef(f)$cond[2],
       se = sqrt(diag(vcov(f)$cond))[2], sd = sd[c("patient", "sample", "isomir")], theta = sigma(f))
}
nb <- function(d) {
  f <- lme4::glmer.nb(formula, data = d, control = lme4::glmerControl(
    optimizer = "bobyqa", tolPwrss = 1e-12, optCtrl = list(maxfun = 2e5)))
  v <- lme4::VarCorr(f)
  sd <- sapply(v[c("patient", "sample", "isomir")], function(one) attr(one, "stddev")[[1]])
  list(log_likelihood = as.numeric(logLik(f)), beta = lme4::fixef(f)[2], se = sqrt(diag(as.matrix(vcov(f))))[2],
       sd = sd, theta = lme4::getME(f, "glmer.nb.theta"))
}
fits <- list(glmmTMB_ml = tmb(FALSE), glmmTMB_reml = tmb(TRUE), lme4 = nb)
first <- TRUE
for (i in seq_along(levels(data$mirna))) {
  mirna <- levels(data$mirna)[i]
  d <- droplevels(data[data$mirna == mirna, ])
  for (engine in names(fits)) {
    if (engine == "lme4" && (i - 1) %% every) next
    warned <- ""
    seconds <- system.time(f <- tryCatch(withCallingHandlers(suppressMessages(fits[[engine]](d)), warning = function(w) {
      warned <<- paste(warned, conditionMessage(w)); invokeRestart("muffleWarning")
    }), error = function(e) { warned <<- conditionMessage(e); NULL }))[["elapsed"]]
    if (is.null(f)) f <- list(log_likelihood = NA, beta = NA, se = NA, sd = rep(NA, 3), theta = NA)
    row <- data.frame(
      mirna = mirna, engine = engine, log_likelihood = signif(f$log_likelihood, 12), estimate = signif(f$beta, 9),
      std_error = signif(f$se, 9), sd_patient = signif(f$sd[[1]], 8), sd_sample = signif(f$sd[[2]], 8),
      sd_isomir = signif(f$sd[[3]], 8), theta = signif(f$theta, 8), seconds = seconds,
      warning = substr(gsub("[\t\n\r]", " ", trimws(warned)), 1, 80),
      versions = paste0("R ", getRversion(), ", lme4 ", packageVersion("lme4"), ", glmmTMB ", packageVersion("glmmTMB")))
    write.table(row, arguments[2], sep = "\t", quote = FALSE, row.names = FALSE, col.names = first, append = !first)
    first <- FALSE
  }
}
