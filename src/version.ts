/** Put in by `scripts/build.mjs`. */
declare const packageVersion: string | undefined;

/** The version of this package, as its package.json has it; of sources that were not built `development`. */
export const version: string = typeof packageVersion === "string" ? packageVersion : "development";
