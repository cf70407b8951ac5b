import { type Paint, painter } from "./colour.ts";
import { tableLines } from "./table.ts";
import { terminalJson, terminalText } from "./terminal-text.ts";
import { type UnblockedStream, unblocked } from "./unblocked.ts";

export interface OutputFlags {
  /** JSON lines instead of tables; undefined: unless standard output is a terminal. */
  readonly json?: boolean | undefined;
  readonly color?: boolean | undefined;
}

/** Where a stream of the process goes. */
export type OutputStream = Pick<NodeJS.WriteStream, "write"> & { readonly isTTY?: boolean };

/** One column of a table: its header, and what of a row is in it. */
export type Columns<T> = readonly (readonly [header: string, cell: (row: T) => string])[];

/** What a command says: data on standard output, everything else on standard error. */
export class Output {
  /** Whether data is JSON, one object a line, and not text for people. */
  readonly json: boolean;

  /** Paints data for people. */
  readonly paint: Paint;
  readonly #paintNote: Paint;
  readonly #wantsJson: boolean;
  readonly #stdout: OutputStream;
  #stderr: OutputStream;
  #unblocked: UnblockedStream | undefined;

  constructor(
    flags: OutputFlags,
    env: Readonly<Record<string, string | undefined>> = process.env,
    streams: { readonly stdout: OutputStream; readonly stderr: OutputStream } = process,
  ) {
    this.#stdout = streams.stdout;
    this.#stderr = streams.stderr;
    this.#wantsJson = flags.json === true;
    this.json = flags.json ?? streams.stdout.isTTY !== true;
    this.paint = painter(streams.stdout, env, flags.color);
    this.#paintNote = painter(streams.stderr, env, flags.color);
  }

  /** From now on it is not waited for whoever reads standard error: what is too much for them is lost. */
  neverWait(): void {
    this.#unblocked = unblocked(this.#stderr, 2);
    this.#stderr = this.#unblocked;
  }

  /** The process may end once this resolves: what was said before is not lost. That takes a moment at most. */
  async flush(): Promise<void> {
    await this.#unblocked?.flush?.();
  }

  /** Rows as a table, or each as one JSON object. `value` says what of a row that is. */
  rows<T>(columns: Columns<T>, rows: readonly T[], value: (row: T) => object): void {
    if (this.json) {
      for (const row of rows) this.line(terminalJson(value(row)));
      return;
    }
    const cells = rows.map((row) => columns.map(([, cell]) => cell(row)));
    const [header = "", ...lines] = tableLines(
      columns.map(([name]) => name),
      cells,
    );
    this.line(this.paint("bold", header));
    for (const line of lines) this.line(line);
  }

  /** One object: as JSON, or by its text for people, which must be safe for a terminal. */
  item(value: object, text: () => string): void {
    this.line(this.json ? terminalJson(value) : text());
  }

  /** A text that is used as it is, as by a shell: JSON only if that was asked for. */
  text(text: string, value: object): void {
    this.line(this.#wantsJson ? terminalJson(value) : text);
  }

  /** A line of data, as it is. */
  line(text: string): void {
    this.#stdout.write(`${text}\n`);
  }

  /** A remark for people, on standard error. */
  note(text: string): void {
    this.#stderr.write(`${terminalText(text)}\n`);
  }

  /** News of a command that runs for long, on standard error: a line for people, or JSON if that was asked for. */
  news(value: object, text: string): void {
    this.#stderr.write(`${this.#wantsJson ? terminalJson(value) : terminalText(text)}\n`);
  }

  warn(text: string): void {
    this.#stderr.write(`${this.#paintNote("yellow", "warning:")} ${terminalText(text)}\n`);
  }

  /** What went wrong, and, each on a line of its own, what to try. */
  error(text: string, hints: readonly string[] = []): void {
    this.#stderr.write(`${this.#paintNote("red", "error:")} ${terminalText(text)}\n`);
    for (const hint of hints) this.#stderr.write(`  ${terminalText(hint)}\n`);
  }
}
