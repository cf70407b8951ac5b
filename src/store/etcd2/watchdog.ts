import type { CancelTimer, Clock } from "../../async/clock.ts";
import { overdue } from "../../async/overdue.ts";
import { CallError } from "../etcd/call-error.ts";
import type { Endpoint } from "../etcd/endpoint.ts";
import type { Endpoints } from "../etcd/endpoints.ts";
import type { HttpAnswer, HttpChannel } from "./http-channel.ts";
import { refusalOf } from "./status.ts";

/** How long an endpoint may be silent before it is asked for a sign of life. */
const silenceMs = 3_000;

/** How long that may take. */
const answerMs = 1_000;

/** Asks whether a member serves, and knows of a leader; needs no rights, and no other member. */
export async function askForLeader(
  channel: HttpChannel,
  options: { readonly signal?: AbortSignal | undefined; readonly deadlineMs: number },
): Promise<HttpAnswer> {
  const request = { method: "GET", path: "/v2/members/leader" } as const;
  const answer = await channel.request(request, { ...options, repeatable: true });
  const refusal = refusalOf(answer, channel.address);
  if (refusal !== undefined) throw refusal;
  return answer;
}

/**
 * Finds out that a member is gone, or has lost its leader, while there are only polls, in which it is
 * ordinary that nothing comes.
 */
export class Watchdog {
  readonly #endpoints: Endpoints<HttpChannel>;
  readonly #clock: Clock;

  /** How many polls there are on each. */
  readonly #polls = new Map<Endpoint<HttpChannel>, number>();
  #cancelTimer: CancelTimer | undefined;

  constructor(endpoints: Endpoints<HttpChannel>, clock: Clock) {
    this.#endpoints = endpoints;
    this.#clock = clock;
  }

  /** A poll was opened there; returns what to call when it has ended. */
  watch(endpoint: Endpoint<HttpChannel>): () => void {
    this.#polls.set(endpoint, (this.#polls.get(endpoint) ?? 0) + 1);
    this.#cancelTimer ??= overdue(this.#clock, this.#look, silenceMs);
    let watched = true;
    return () => {
      if (!watched) return;
      watched = false;
      const left = (this.#polls.get(endpoint) ?? 1) - 1;
      if (left > 0) this.#polls.set(endpoint, left);
      else this.#polls.delete(endpoint);
      if (this.#polls.size === 0) this.#stop();
    };
  }

  #stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  readonly #look = (): void => {
    const now = this.#clock.now();
    let next = now + silenceMs;
    for (const endpoint of this.#polls.keys()) {
      const due = endpoint.answeredAt + silenceMs;
      if (due <= now) void this.#ask(endpoint);
      else next = Math.min(next, due);
    }
    this.#cancelTimer = overdue(this.#clock, this.#look, next - now);
  };

  async #ask(endpoint: Endpoint<HttpChannel>): Promise<void> {
    const { failures } = endpoint;
    const askedAt = this.#clock.now();
    try {
      await askForLeader(endpoint.channel, { deadlineMs: answerMs });
      endpoint.answered();
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      if (error.blame === "request") endpoint.answered();
      else if (error.blame !== "silence" || endpoint.answeredAt < askedAt) {
        this.#endpoints.leave(endpoint, failures, error);
      }
    }
  }
}
