# Rscript glmnet.R FOLDER FAMILY INTERCEPT THRESHOLD: one call of glmnet on the raw arrays in FOLDER.
# Writes the weights there; prints its seconds and the growth of its resident memory as JSON.
suppressMessages({library(Matrix); library(glmnet)})
arguments <- commandArgs(TRUE)
read <- function(name, type, size) {
  path <- file.path(arguments[1], name)
  readBin(path, type, file.info(path)$size / size, size = size)
}
write <- function(values, name) {
  to <- file(file.path(arguments[1], name), "wb")
  writeBin(values, to)
  close(to)
}
resident <- function(key) {
  line <- grep(key, readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1024
}
shape <- read("shape", "integer", 4)
if (file.exists(file.path(arguments[1], "dense"))) {
  X <- matrix(read("dense", "double", 8), shape[1], shape[2])
} else {
  X <- new("dgCMatrix", x = read("data", "double", 8), i = read("indices", "integer", 4),
           p = read("indptr", "integer", 4), Dim = shape)
}
y <- read("y", "double", 8)
alphas <- read("alphas", "double", 8)
invisible(gc())
before <- resident("VmRSS")
cat("5", file = "/proc/self/clear_refs")
start <- proc.time()[["elapsed"]]
model <- glmnet(X, y, family = arguments[2], lambda = alphas, standardize = FALSE,
                intercept = arguments[3] == "1", thresh = as.numeric(arguments[4]), maxit = 1e8)
seconds <- proc.time()[["elapsed"]] - start
growth <- resident("VmHWM") - before
write(model$beta@x, "coef_x")
write(model$beta@i, "coef_i")
write(model$beta@p, "coef_p")
write(as.numeric(model$a0), "intercepts")
cat(sprintf('{"seconds": %.3f, "rss_mb": %.1f}', seconds, growth))
