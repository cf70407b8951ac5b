/** A command cannot do what it was asked to. */
export class Refusal extends Error {
  override readonly name = "Refusal";

  /** The exit status. */
  readonly code: number;

  /** What can be done about it, each a line. */
  readonly hints: readonly string[];

  constructor(code: number, message: string, hints: readonly string[] = []) {
    super(message);
    this.code = code;
    this.hints = hints;
  }
}
