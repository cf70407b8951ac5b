import { checkTruth } from "./check.ts";

// One etcd of three members, and two short ones of one.
checkTruth([43, 48, 51]);
