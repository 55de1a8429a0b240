# Makes the .rds and .rda files of this folder (R 4.2.2, Matrix 1.5-3, tibble 3.1.8): Rscript make.R
# Bioconductor is not needed: classes with the same names and slots are defined here.
suppressMessages({library(methods); library(Matrix); library(tibble)})

counts <- matrix(c(5L, 0L, 7L, 1L, 2L, 3L, 0L, 9L, 4L), 3, dimnames = list(NULL, c("S1", "S2", "S3")))
sequence <- c("TGAGGTAGTAGGTTGTATAGTT", "TGAGGTAGTAGGTTGTATAG", "TACAGTACTGTGATAACTGAA")
mirna <- c("hsa-let-7a-5p", "hsa-let-7a-5p", "hsa-miR-101-3p")
latin1 <- iconv("caf\u00e9", "UTF-8", "latin1")

frame <- data.frame(seq = sequence, mir = factor(mirna), note = c(latin1, NA, "x"), counts)
saveRDS(frame, "frame.rds")
saveRDS(frame, "frame_ascii.rds", ascii = TRUE)
saveRDS(frame, "frame_uncompressed.rds", compress = FALSE)
con <- file("frame_native.rds", "wb"); serialize(frame, con, xdr = FALSE); close(con)
tbl <- as_tibble(frame); other <- 1:3
save(tbl, other, file = "tibble_xz.rda", compress = "xz")
first <- frame; second <- frame
save(first, second, file = "two_frames_bz2.rda", compress = "bzip2")
rownames(frame) <- paste0("iso", 1:3)
saveRDS(frame[, c("mir", "S1", "S2", "S3")], "frame_rownames.rds")

setClass("SimpleList", representation(listData = "list"))
setClass("DFrame", representation(rownames = "ANY", nrows = "integer", listData = "list"))
setClass("SimpleAssays", representation(data = "SimpleList"))
setClass("SummarizedExperiment", representation(colData = "DFrame", assays = "SimpleAssays", NAMES = "ANY",
                                                elementMetadata = "DFrame", metadata = "list"))
setClass("GRanges", representation(elementMetadata = "DFrame"))
setClass("RangedSummarizedExperiment", representation(rowRanges = "GRanges"), contains = "SummarizedExperiment")
setClass("IsomirDataSeq", representation(design = "ANY"), contains = "SummarizedExperiment")
dframe <- function(...) {
  columns <- list(...)
  new("DFrame", rownames = NULL, nrows = length(columns[[1]]), listData = columns)
}
coldata <- new("DFrame", rownames = colnames(counts), nrows = 3L,
               listData = list(group = factor(c("a", "b", "a")), age = c(50, NA, 61), sample = colnames(counts)))
rowdata <- dframe(uniqueSequence = sequence, match = c("exact miRNA", "isomiR", "exact miRNA"), miRNA = mirna)
assays <- function(...) new("SimpleAssays", data = new("SimpleList", listData = list(...)))

# what an object may drag along: raw bytes, a package environment, a promise, a closure, a weak reference's kin
holder <- new.env()
delayedAssign("promise", stop("never"), assign.env = holder)
holder$package <- as.environment("package:stats")
holder$closure <- function(x) x + 1
baggage <- list(raw = as.raw(0:255), environment = holder, formula = ~ group, namespace = asNamespace("stats"),
                base = baseenv(), call = quote(f(x, ...)), complex = 1i, sequence = 1:10)
se <- new("SummarizedExperiment", colData = coldata, assays = assays(logcpm = counts + 0.5, counts = counts),
          NAMES = paste0("iso", 1:3), elementMetadata = rowdata, metadata = baggage)
saveRDS(se, "se_dense.rds")
for (kind in c("CsparseMatrix", "TsparseMatrix", "RsparseMatrix")) {
  se@assays <- assays(counts = as(as(Matrix(counts + 0, sparse = TRUE), "generalMatrix"), kind))
  saveRDS(se, paste0("se_", kind, ".rds"))
}
ranged <- new("RangedSummarizedExperiment", se, rowRanges = new("GRanges", elementMetadata = rowdata))
ranged@elementMetadata <- new("DFrame", rownames = NULL, nrows = 3L, listData = setNames(list(), character()))
saveRDS(ranged, "se_ranged.rds")
saveRDS({x <- ranged; x@rowRanges@elementMetadata <- x@elementMetadata; x}, "se_without_rowdata.rds")
se@assays <- assays(counts = structure(list(file = "counts.h5"), class = "HDF5ArraySeed"))
saveRDS(se, "se_hdf5.rds")
iso <- new("IsomirDataSeq", se, design = ~ group)
iso@metadata <- list(rawData = as_tibble(data.frame(seq = sequence, mir = mirna, mism = "0", add = "0", t5 = "0",
                                                    t3 = "0", counts)))
save(iso, file = "isomirdataseq.rda", compress = "xz")
saveRDS(lm(dist ~ speed, cars[1:5, ]), "model.rds")

# factors whose levels have an order of their own, runs (Rle), edgeR's list
setClass("Rle", representation(values = "ANY", lengths = "integer"))
rle_of <- function(x) { r <- rle(as.vector(x)); new("Rle", values = r$values, lengths = r$lengths) }
group <- factor(c("b", "a", "b"), levels = c("b", "a"))
time <- factor(c("6h", "12h", "6h"), levels = c("0h", "6h", "12h"), ordered = TRUE)
runs <- new("SummarizedExperiment", assays = assays(counts = counts), NAMES = paste0("iso", 1:3),
            colData = new("DFrame", rownames = colnames(counts), nrows = 3L,
                          listData = list(group = group, time = time,
                                          batch = new("Rle", values = factor(c("y", "x"), levels = c("y", "x")),
                                                      lengths = c(2L, 1L)))),
            elementMetadata = dframe(sequence = sequence, miRNA = rle_of(mirna)), metadata = list())
saveRDS(runs, "se_runs.rds")
dge <- structure(list(counts = `rownames<-`(counts, sequence),
                      samples = data.frame(group = group, lib.size = c(12, 6, 99), norm.factors = 1,
                                           row.names = colnames(counts)),
                      genes = data.frame(miRNA = mirna, row.names = sequence)), class = "DGEList")
saveRDS(dge, "dgelist.rds")
saveRDS({x <- dge; x$genes <- NULL; x}, "dgelist_without_genes.rds")
saveRDS(unclass(dge), "list.rds")
saveRDS(`rownames<-`(counts, sequence), "matrix.rds")
saveRDS(data.frame(group = group, time = time, row.names = colnames(counts)), "coldata.rds")
