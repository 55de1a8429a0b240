# edgeR (quasi-likelihood), limma-voom and DESeq2 on many data sets in one process.
# Usage: Rscript rivals.R FOLDER METHOD,METHOD,...   with METHOD among edger, limma, deseq2, deseq2_isomirs;
# edger_given, limma_given, deseq2_given take the column total for the libraries' sizes as it is, where the others normalise.
# For every FOLDER/NAME.counts.tsv (columns isomir, mirna, samples; groups in FOLDER/NAME.samples.tsv with columns
# sample, group, total and covariates, which stand in the design too; group B against A) writes FOLDER/NAME.METHOD.tsv, log2, and FOLDER/NAME.METHOD.seconds.
suppressWarnings(suppressMessages({library(limma); library(edgeR); library(DESeq2)}))
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]
methods <- strsplit(arguments[2], ",")[[1]]

edger <- function(y, design) {
  y <- estimateDisp(y, design)
  t <- topTags(glmQLFTest(glmQLFit(y, design), coef = 2), n = Inf, sort.by = "none")$table
  data.frame(feature = rownames(t), estimate = t$logFC, std_error = NA, lower = NA, upper = NA,
             p_value = t$PValue, p_adjusted = t$FDR)
}
limma_voom <- function(y, design) {
  t <- topTable(eBayes(lmFit(voom(y, design), design)), coef = 2, n = Inf, sort.by = "none", confint = TRUE)
  data.frame(feature = rownames(t), estimate = t$logFC, std_error = abs(t$logFC / t$t), lower = t$CI.L, upper = t$CI.R,
             p_value = t$P.Value, p_adjusted = t$adj.P.Val)
}
deseq <- function(m, samples, formula, given = FALSE) {
  d <- suppressMessages(DESeqDataSetFromMatrix(m, samples, formula))
  if (given) sizeFactors(d) <- samples$total / exp(mean(log(samples$total)))
  d <- suppressMessages(DESeq(d, quiet = TRUE))
  t <- results(d, contrast = c("group", "B", "A"), alpha = 0.05)
  half <- qnorm(0.975) * t$lfcSE
  data.frame(feature = rownames(t), estimate = t$log2FoldChange, std_error = t$lfcSE, lower = t$log2FoldChange - half,
             upper = t$log2FoldChange + half, p_value = t$pvalue, p_adjusted = t$padj)
}

for (file in sort(list.files(folder, pattern = "\\.counts\\.tsv$", full.names = TRUE))) {
  stem <- sub("\\.counts\\.tsv$", "", file)
  counts <- read.delim(file, check.names = FALSE, quote = "")
  samples <- read.delim(paste0(stem, ".samples.tsv"), quote = "")
  isomirs <- as.matrix(counts[, -(1:2)]); rownames(isomirs) <- counts$isomir
  sums <- rowsum(isomirs, counts$mirna, reorder = FALSE)
  samples$group <- group <- factor(samples$group, levels = c("A", "B"))
  formula <- reformulate(c("group", names(samples)[-(1:3)]))
  design <- model.matrix(formula, samples)
  for (method in methods) {
    result <- NULL
    kind <- sub("_given$", "", method)
    given <- kind != method
    time <- system.time(result <- tryCatch(suppressWarnings({
      if (kind %in% c("edger", "limma")) {
        y <- DGEList(sums, lib.size = samples$total, group = group)
        if (!given) y <- calcNormFactors(y)
        if (kind == "edger") edger(y, design) else limma_voom(y, design)
      } else if (kind == "deseq2") deseq(sums, samples, formula, given) else deseq(isomirs, samples, formula)
    }), error = function(e) { message(basename(stem), " ", method, ": ", conditionMessage(e)); NULL }))
    if (is.null(result)) result <- data.frame(feature = character(), estimate = numeric(), std_error = numeric(),
      lower = numeric(), upper = numeric(), p_value = numeric(), p_adjusted = numeric())
    write.table(result, paste0(stem, ".", method, ".tsv"), sep = "\t", quote = FALSE, row.names = FALSE)
    writeLines(format(time[["user.self"]] + time[["sys.self"]]), paste0(stem, ".", method, ".seconds"))
  }
}
status <- "/proc/self/status"
if (file.exists(status)) writeLines(grep("^VmHWM", readLines(status), value = TRUE), file.path(folder, "peak.txt"))
writeLines(paste0("R ", getRversion(), ", edgeR ", packageVersion("edgeR"), ", limma ", packageVersion("limma"),
                  ", DESeq2 ", packageVersion("DESeq2")), file.path(folder, "versions.txt"))
