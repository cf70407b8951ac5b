import { setTimeout as sleep } from "node:timers/promises";
import { DiscoveryError } from "../errors.ts";
import type { EtcdJson } from "./etcd-gateway.ts";

/** How often a condition is looked at again while it is waited for. */
const pollMs = 15;

/** Whoever does not answer in that time is taken for one that does not run. */
const statusTimeoutMs = 1_000;

/** What a member knows of the leadership. */
interface View<Member> {
  readonly member: Member;
  readonly id: string;

  /** The id of the leader; `"0"` if it knows none. */
  readonly leader: string;
}

/** Who leads a cluster, and its change. */
export class Leadership<Member> {
  readonly #members: readonly Member[];
  readonly #ask: (
    member: Member,
    path: string,
    body: EtcdJson,
    timeoutMs?: number,
  ) => Promise<EtcdJson>;

  constructor(
    members: readonly Member[],
    ask: (member: Member, path: string, body: EtcdJson, timeoutMs?: number) => Promise<EtcdJson>,
  ) {
    this.#members = members;
    this.#ask = ask;
  }

  /** Waits until most members name one, and it is there. */
  async leader(timeoutMs: number): Promise<Member> {
    return await this.#wait(timeoutMs, "have no leader", (views) => this.#leaderOf(views)?.member);
  }

  /** Resolves when all members that answer name the new leader. */
  async move(from: Member, to: Member, timeoutMs: number): Promise<void> {
    if (from === to) return;
    const id = await this.#wait(
      timeoutMs,
      "do not answer",
      (views) => views.find(({ member }) => member === to)?.id,
    );
    await this.#ask(from, "/v3/maintenance/transfer-leadership", { targetID: id });
    await this.#wait(timeoutMs, "do not follow the new leader", (views) =>
      views.every(({ leader }) => leader === id) ? this.#leaderOf(views) : undefined,
    );
  }

  #leaderOf(views: readonly View<Member>[]): View<Member> | undefined {
    return views.find(
      ({ id }) => 2 * views.filter(({ leader }) => leader === id).length > this.#members.length,
    );
  }

  async #wait<T>(
    timeoutMs: number,
    problem: string,
    look: (views: readonly View<Member>[]) => T | undefined,
  ): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = look(await this.#views());
      if (found !== undefined) return found;
      if (performance.now() > deadline) {
        throw new DiscoveryError("TIMEOUT", `The members of this etcd ${problem}.`);
      }
      await sleep(pollMs);
    }
  }

  async #views(): Promise<View<Member>[]> {
    const views = await Promise.allSettled(
      this.#members.map(async (member) => {
        const path = "/v3/maintenance/status";
        const { header, leader = "0" } = (await this.#ask(member, path, {}, statusTimeoutMs)) as {
          header: { member_id: string };
          leader?: string;
        };
        return { member, id: header.member_id, leader };
      }),
    );
    return views.flatMap((view) => (view.status === "fulfilled" ? [view.value] : []));
  }
}
