/** The version of this package, as its package.json has it: which a program that was bundled cannot be asked for. */
export const version = "0.1.0";
