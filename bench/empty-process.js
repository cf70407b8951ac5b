// @ts-check
// A process with nothing in it. It sends how large it is at rest, and ends when it is sent "leave" or
// when its parent is gone.
import { restingBytes } from "./resting.js";

process.on("message", () => process.disconnect());
process.once("disconnect", () => process.exit());
process.send?.(await restingBytes());
