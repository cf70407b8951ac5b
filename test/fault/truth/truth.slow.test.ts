import { checkTruth } from "./check.ts";

const { TRUTH_RUNS: runs = "20", TRUTH_SEED: seed } = process.env;

/** As many as are asked for, others each time; or those of these seeds, which a failure prints. */
const seeds =
  seed === undefined
    ? Array.from({ length: Number(runs) }, () => Math.floor(Math.random() * 2 ** 31))
    : seed.split(",").map(Number);

checkTruth(seeds);
