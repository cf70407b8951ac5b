import type { Host } from "../../model/host.ts";
import type { Ejections } from "./ejections.ts";
import type { Member } from "./member.ts";
import { type Outcome, outcomeOfError, outcomeOfValue } from "./outcome.ts";

/** A use of a host that has begun; to be ended by whoever began it, whatever comes of it. */
export class HostUse {
  readonly host: Host;
  readonly #member: Member;
  readonly #ejections: Ejections | undefined;
  readonly #epoch: number;
  readonly #unreachable: (member: Member) => void;
  #ended = false;

  /** @internal `unreachable` is told if it is. */
  constructor(
    member: Member,
    ejections: Ejections | undefined,
    unreachable: (member: Member) => void,
  ) {
    this.host = member.host;
    this.#member = member;
    this.#ejections = ejections;
    this.#unreachable = unreachable;
    this.#epoch = ejections?.began(member) ?? 0;
    member.inFlight += 1;
  }

  /** It has ended like this. Further calls do nothing. */
  end(outcome: Outcome): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#member.inFlight -= 1;
    this.#ejections?.ended(this.#member, this.#epoch, outcome);
    if (outcome === "unreachable") this.#unreachable(this.#member);
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
