# What the R package miRglmm does, miRNA by miRNA: lme4::glmer.nb, full and reduced model; where the full fit is singular
# the coefficients are the reduced model's.
# Usage: Rscript glmer.R counts.tsv out.tsv      (long table: set, mirna, isomir, sample, group, count, total)
suppressWarnings(suppressMessages(library(lme4)))
arguments <- commandArgs(trailingOnly = TRUE)
data <- read.delim(arguments[1], stringsAsFactors = TRUE, quote = "")
control <- glmerControl(optimizer = "bobyqa", tolPwrss = 1e-3, optCtrl = list(maxfun = 2e5))
fit <- function(random, d) tryCatch(suppressWarnings(suppressMessages(glmer.nb(
  as.formula(paste("count ~ group + offset(log(total / 1e4)) +", random, "+ (1 | sample)")), data = d, control = control))),
  error = function(e) NULL)
rows <- list()
for (key in unique(paste(data$set, data$mirna, sep = "\t"))) {
  d <- droplevels(data[paste(data$set, data$mirna, sep = "\t") == key, ])
  time <- system.time({full <- fit("(1 + group | isomir)", d); reduced <- fit("(1 | isomir)", d)})
  singular <- !is.null(full) && isSingular(full)
  used <- if (singular) reduced else full
  coefficient <- if (is.null(used)) c(NA, NA, NA, NA) else summary(used)$coefficients["groupB", ]
  p_lrt <- if (is.null(full) || is.null(reduced)) NA else suppressMessages(anova(full, reduced)[2, "Pr(>Chisq)"])
  rows[[length(rows) + 1]] <- data.frame(
    set = d$set[1], mirna = d$mirna[1], singular = singular, estimate = coefficient[1], std_error = coefficient[2],
    p_value = coefficient[4], p_usage = p_lrt, seconds = time[["user.self"]] + time[["sys.self"]])
}
versions <- paste0("R ", getRversion(), ", lme4 ", packageVersion("lme4"))
write.table(cbind(do.call(rbind, rows), versions), arguments[2], sep = "\t", quote = FALSE, row.names = FALSE)
