import { type Adoption, awaitAdoption } from "../../operate/await-adoption.ts";
import { rotate, type Rotated, UncertainRotation } from "../../operate/rotate.ts";
import type { ServiceCredentials } from "../../operate/rotation-base.ts";
import type { CommandContext } from "../command-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { terminalText } from "../terminal-text.ts";
import { described } from "./chosen-host.ts";
import type { Operation } from "./operate.ts";
import { Refusal } from "./refusal.ts";
import type { SecretFile } from "./secret-file.ts";
import { shellWords } from "./shell-words.ts";

/** Where new credentials go. */
interface RotationTarget {
  readonly service: string;
  readonly file: SecretFile | undefined;

  /** Whether they are printed. */
  readonly show: boolean;
}

/** A wait that takes longer is explained. */
const patienceMs = 1_000;

/** How many hosts are named that have not taken new credentials. */
const mostNamed = 10;

/** One rotation of a service's credentials, in whose course the new ones are never lost, and told only where that was asked for. */
export class Rotation {
  readonly #context: CommandContext;
  readonly #operation: Operation;
  readonly #target: RotationTarget;
  #newest: ServiceCredentials | undefined;

  constructor(context: CommandContext, operation: Operation, target: RotationTarget) {
    this.#context = context;
    this.#operation = operation;
    this.#target = target;
  }

  /** Returns the exit status. */
  async run(wanted: {
    readonly user: string | undefined;
    readonly password: string;
    readonly withinMs: number;
  }): Promise<number> {
    const { call, store } = this.#operation;
    const { file, service } = this.#target;
    const { credentials } = await this.#rotated(wanted);
    await file?.accept();
    const { withinMs } = wanted;
    let adoption: Adoption;
    const waits =
      "The new credentials are in force; waiting for the public hosts to take them over.";
    const patience = setTimeout(() => this.#context.output.note(waits), patienceMs);
    try {
      adoption = await awaitAdoption(store, service, credentials, { ...call, withinMs });
    } catch (error) {
      this.#tell(credentials, undefined);
      const who = `service ${service} has them, and which hosts took them over is not known`;
      this.#context.output.warn(`the new credentials are in force: ${who}`);
      throw error;
    } finally {
      clearTimeout(patience);
    }
    if (adoption.superseded) {
      await file?.discard();
      throw new Refusal(
        exitCodes.failed,
        `somebody else has changed the credentials of ${service} after this; those are in force, and the new ones made here are not`,
      );
    }
    this.#tell(credentials, adoption);
    return this.#judge(adoption, withinMs);
  }

  async #rotated(wanted: {
    readonly user: string | undefined;
    readonly password: string;
  }): Promise<Rotated> {
    const { call, store } = this.#operation;
    const { file, service } = this.#target;
    const { password, user } = wanted;
    const keep = async (credentials: ServiceCredentials): Promise<void> => {
      this.#newest = credentials;
      await file?.write(`${JSON.stringify({ service, ...credentials })}\n`);
    };
    try {
      return await rotate(store, service, { ...call, user, password, keep });
    } catch (error) {
      if (error instanceof UncertainRotation) this.#warnUncertain();
      else await file?.discard();
      throw error;
    }
  }

  #warnUncertain(): void {
    const { file, service, show } = this.#target;
    const { output } = this.#context;
    const get = shellWords("etcd-discovery", "get", service, "--show-credentials");
    output.warn(`the new credentials may be in force, or those before: ${get} says which`);
    if (file !== undefined) output.note(`The new ones are kept in ${file.place}.`);
    if (show && this.#newest !== undefined) this.#tell(this.#newest, undefined);
  }

  #tell(credentials: ServiceCredentials, adoption: Adoption | undefined): void {
    const { file, service, show } = this.#target;
    const { user, password } = credentials;
    const place = file?.place;
    const hosts = adoption && {
      adopted: adoption.adopted.map(({ uuid }) => uuid),
      pending: adoption.pending.map(({ uuid }) => uuid),
    };
    const value = { service, user, ...(show && { password }), file: place, ...hosts };
    this.#context.output.item(value, () => {
      const lines = [`${service}: ${progress(adoption)}`, `user      ${user}`];
      if (show) lines.push(`password  ${password}`);
      if (place !== undefined) lines.push(`file      ${place}`);
      return lines.map(terminalText).join("\n");
    });
  }

  #judge({ adopted, pending }: Adoption, withinMs: number): number {
    if (pending.length === 0) {
      if (adopted.length === 0) {
        const note = "No public host lives: those that come without credentials take these over.";
        this.#context.output.note(note);
      }
      return exitCodes.ok;
    }
    const named = pending.slice(0, mostNamed).map((host) => `  ${described(host)}`);
    const left = pending.length - named.length;
    throw new Refusal(
      exitCodes.failed,
      `${pending.length} of ${adopted.length + pending.length} public hosts have not taken the new credentials within ${withinMs / 1_000} s; these are in force all the same`,
      [
        ...named,
        ...(left > 0 ? [`  and ${left} more`] : []),
        "Are their processes alive? Records that nobody keeps: etcd-discovery deregister.",
      ],
    );
  }
}

function progress(adoption: Adoption | undefined): string {
  if (adoption === undefined) return "new credentials";
  const { adopted, pending } = adoption;
  const all = adopted.length + pending.length;
  return `new credentials, taken over by ${adopted.length} of ${all} public hosts`;
}
