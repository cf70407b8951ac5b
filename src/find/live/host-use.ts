import type { Host } from "../../model/host.ts";
import type { Ejections } from "./ejections.ts";
import type { Member } from "./member.ts";
import { type Outcome, outcomeOfError, outcomeOfValue } from "./outcome.ts";
import type { Suspects } from "./suspects.ts";

/** A use of a host that has begun; to be ended by whoever began it, whatever comes of it. */
export class HostUse {
  readonly host: Host;
  readonly #member: Member;
  readonly #ejections: Ejections | undefined;
  readonly #suspects: Suspects | undefined;
  readonly #epoch: number;
  #ended = false;

  /** @internal */
  constructor(member: Member, ejections: Ejections | undefined, suspects: Suspects | undefined) {
    this.host = member.host;
    this.#member = member;
    this.#ejections = ejections;
    this.#suspects = suspects;
    this.#epoch = ejections?.began(member) ?? 0;
    member.inFlight += 1;
  }

  /** It has ended like this. Further calls do nothing. */
  end(outcome: Outcome): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#member.inFlight -= 1;
    this.#ejections?.ended(this.#member, this.#epoch, outcome);
    // A suspect is none any more once it has proved to be dead.
    if (outcome === "unreachable") this.#suspects?.remove(this.#member.host.uuid);
  }
}

/** Does the work, and ends the use by what came of it. What fails after the signal has aborted says nothing about the host. */
export async function during<T>(
  use: HostUse,
  work: (host: Host) => T | PromiseLike<T>,
  signal: AbortSignal | undefined,
): Promise<Awaited<T>> {
  try {
    const value = await work(use.host);
    use.end(outcomeOfValue(value));
    return value;
  } catch (error) {
    use.end(signal?.aborted ? "undecided" : outcomeOfError(error));
    throw error;
  }
}
