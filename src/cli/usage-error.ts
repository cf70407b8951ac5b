/** The command was not called as it can be; its message says what is wrong and what to write instead. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
