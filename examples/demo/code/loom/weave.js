// Draws a twill: each row starts one thread later than the one above it.
export function twill(rows, threads, over, under) {
  const period = over + under;
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: threads }, (_, thread) => ((thread - row) % period + period) % period < over),
  );
}
