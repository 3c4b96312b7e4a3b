# R's glm.fit on dense data: Rscript peer.R FOLDER ROWS COLUMNS LOSS INTERCEPT(0/1) FACTOR OUT. One line of JSON, as peer.py prints.
a <- commandArgs(TRUE)
folder <- a[1]; n <- as.integer(a[2]); d <- as.integer(a[3]); intercept <- a[5] == "1"; factor <- as.numeric(a[6])

read_npy <- function(path, count) {
  file <- file(path, "rb")
  on.exit(close(file))
  readBin(file, "raw", 8)
  invisible(readBin(file, "raw", readBin(file, "integer", 1, size = 2, signed = FALSE, endian = "little")))
  readBin(file, "double", count, size = 8, endian = "little")
}

X <- t(matrix(read_npy(file.path(folder, "X.npy"), as.double(n) * d), nrow = d))
y <- read_npy(file.path(folder, "y.npy"), n)
poisson_loss <- a[4] == "poisson"
if (!poisson_loss) y <- as.double(y > 0)
if (intercept) X <- cbind(X, 1)
seconds <- system.time(fit <- glm.fit(X, y, family = if (poisson_loss) poisson() else binomial(), intercept = FALSE,
                                      control = glm.control(epsilon = 1e-8 * factor, maxit = 100)))[["elapsed"]]
out <- file(a[7], "wb")
coefficients <- fit$coefficients
coefficients[is.na(coefficients)] <- 0
writeBin(as.double(coefficients), out)
close(out)
status <- readLines("/proc/self/status")
peak <- as.double(gsub("[^0-9]", "", status[startsWith(status, "VmHWM")])) * 1024
cat(sprintf('{"seconds": %.6f, "iterations": %d, "version": "R %s", "peak_bytes": %.0f}\n', seconds, fit$iter,
            paste(R.version$major, R.version$minor, sep = "."), peak))
